"""Survival of U-NSGA-III, for the inner loops of searches with many objectives.

Seada & Deb, "A unified evolutionary optimization procedure for single, multiple, and many
objectives", 2016; the niching is pymoo's. With more than three objectives nearly everything is on
one front and crowding distances say little, so networks near lonely directions survive instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga3 import ReferenceDirectionSurvival
from pymoo.core.population import Population
from pymoo.core.problem import Problem

from instatune_plugins.strategies._evolution import Scores, Survival
from instatune_plugins.strategies._pymoo import directions
from instatune_plugins.strategies._scale import Scale


class Niching(Survival):
    """Feasible networks by niche, then infeasible ones by violation."""

    def __init__(self, aims: int, population: int) -> None:
        self._niching = ReferenceDirectionSurvival(directions(aims, population))
        self._problem = Problem(n_var=1, n_obj=aims)
        self._scale: Scale | None = None
        self._marks: NDArray[np.float64] = np.zeros((0, 4))  # violation, niche, rank, distance

    def survivors(self, scores: Scores, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows of those that survive, the first front first."""
        feasible = np.flatnonzero(scores.violation <= 0)
        infeasible = np.flatnonzero(scores.violation > 0)
        infeasible = infeasible[np.argsort(scores.violation[infeasible], kind="stable")]
        kept = self._spread(feasible, scores.losses[feasible], count, rng)
        rows = np.concatenate([kept[:, 0].astype(np.int64), infeasible])[:count]
        strangers = np.zeros((len(rows) - len(kept), 3))
        marks = np.concatenate([kept[:, 1:], strangers])
        self._marks = np.column_stack([np.maximum(scores.violation[rows], 0.0), marks])
        return rows

    def winners(self, rivals: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Less violation wins; in one niche the better front, then the nearer; else chance."""
        one, two = self._marks[rivals[0]], self._marks[rivals[1]]
        verdict = np.sign(one[..., 0] - two[..., 0])
        same = one[..., 1] == two[..., 1]
        for column in (2, 3):
            difference = np.sign(one[..., column] - two[..., column])
            verdict = np.where((verdict == 0) & same, difference, verdict)
        second = np.where(verdict == 0, rng.random(verdict.shape) < 0.5, verdict > 0)
        return np.asarray(np.where(second, rivals[1], rivals[0]))

    def _spread(
        self,
        rows: NDArray[np.int64],
        losses: NDArray[np.float64],
        count: int,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Row, niche, rank and distance ``[kept, 4]`` of the feasible survivors."""
        if not len(rows):
            return np.zeros((0, 4))
        if self._scale is None:
            self._scale = Scale.of(losses)
        population = Population.new("X", rows[:, None], "F", self._scale(losses))
        kept = self._niching.do(self._problem, population, n_survive=count, random_state=rng)
        marks = kept.get("niche", "rank", "dist_to_niche")
        return np.column_stack([kept.get("X")[:, 0], *marks]).astype(np.float64)

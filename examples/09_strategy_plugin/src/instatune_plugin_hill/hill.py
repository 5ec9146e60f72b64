"""Hill climbing: change one gene of a network that nothing beats so far, measure, repeat.

With several objectives the hill has many tops, and each network of the front may be the next parent
(Knowles & Corne, "Approximating the nondominated front using the Pareto archived evolution
strategy", 2000, is the same idea with one parent).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Evaluation, Problem, Strategy

if TYPE_CHECKING:
    from instatune.space import Architecture
    from instatune.space.search_space import Genotypes
    from instatune_plugin_hill import HillConfig

_TRIES = 32  # candidates for each proposal: many are known, or break a constraint


class Hill(Strategy):
    """Random networks at first, then children of the front, one at a time."""

    config: HillConfig

    def __init__(self, config: HillConfig, problem: Problem, rng: np.random.Generator) -> None:
        """Start with nothing known."""
        super().__init__(config, problem, rng)
        self._initial = list(problem.initial)
        self._asked: set[Architecture] = set()
        self._known: dict[Architecture, Evaluation] = {}

    def ask(self, limit: int) -> Sequence[Architecture]:
        """Propose the initial design first, then one new network; a known one if none is found."""
        if self._initial:
            proposed, self._initial = self._initial[:limit], self._initial[limit:]
        else:
            rows = self._candidates()
            best_first = np.argsort(self.problem.violation(rows), kind="stable")
            ranked = self.problem.space.decode(rows[best_first])
            proposed = [network for network in ranked if network not in self._asked][:1]
            proposed = proposed or ranked[:1]
        self._asked.update(proposed)
        return proposed

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember results."""
        self._known.update({evaluation.architecture: evaluation for evaluation in evaluations})

    def _candidates(self) -> Genotypes:
        """Children ``[rows, genes]``, and random networks for when all the children are known."""
        space = self.problem.space
        strangers = space.sample(self.rng, _TRIES)
        if len(self._known) < self.config.start:
            return strangers
        front = space.encode(self._front())
        children = front[self.rng.integers(len(front), size=_TRIES)]
        gene = self.rng.integers(len(space.genes), size=_TRIES)
        children[np.arange(_TRIES), gene] = self.rng.integers(space.cardinalities[gene])
        return np.concatenate([space.canonical(children), strangers])

    def _front(self) -> list[Architecture]:
        """Networks that no other one beats in every objective."""
        losses = self.problem.losses(list(self._known.values()))
        no_better = np.all(losses[:, None] >= losses[None], axis=2)
        worse = np.any(losses[:, None] > losses[None], axis=2)
        beaten = np.any(no_better & worse, axis=1).tolist()
        return [a for a, lost in zip(self._known, beaten, strict=True) if not lost]

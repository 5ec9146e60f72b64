"""What a strategy was told so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Evaluation, Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Scores
from instatune_plugins.strategies._networks import keys


class Memory:
    """Measured networks in the order of telling, each once, and everything that was asked for.

    A network that was asked for and never told has failed; it counts as known and is not asked for
    again. Results that are not finite count as failures too.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.known: set[bytes] = set()
        self.measured: dict[bytes, int] = {}
        self._genotypes: list[Genotypes] = []
        self._evaluations: list[Evaluation] = []

    def __len__(self) -> int:
        return len(self._evaluations)

    @property
    def exhausted(self) -> bool:
        """Whether no network of the space is left to ask for."""
        return len(self.known) >= self.problem.space.size

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """Objectives that must be measured: inexact aims, then those of inexact limits."""
        aims = [aim.name for aim in self.problem.aims if not aim.exact]
        limits = [limit.name for limit in self.problem.limits if not limit.exact]
        return tuple(dict.fromkeys([*aims, *limits]))

    @property
    def genotypes(self) -> Genotypes:
        """Measured networks, canonical, ``[rows, genes]``."""
        return np.array(self._genotypes, dtype=np.int64).reshape(
            len(self), len(self.problem.space.genes)
        )

    def ask(self, genotypes: Genotypes) -> None:
        """Remember what is asked for."""
        self.known.update(keys(genotypes))

    def learn(self, evaluations: Sequence[Evaluation]) -> None:
        """Remember results; repeats change nothing."""
        rows = self.problem.space.encode([e.architecture for e in evaluations])
        self.ask(rows)
        for row, key, evaluation in zip(rows, keys(rows), evaluations, strict=True):
            if key not in self.measured and self._is_finite(evaluation):
                self.measured[key] = len(self._evaluations)
                self._genotypes.append(row)
                self._evaluations.append(evaluation)

    def values(self, name: str) -> NDArray[np.float64]:
        """Measured values of an objective, ``[rows]``."""
        return np.array([e.values[name].value for e in self._evaluations], dtype=np.float64)

    def scores(self) -> Scores:
        """Losses and violations of all limits, exact and measured."""
        violation = self.problem.violation(self.genotypes)
        for limit in self.problem.limits:
            if not limit.exact:
                violation = violation + limit.violation(self.values(limit.name))
        return Scores(self.problem.losses(self._evaluations), violation)

    def _is_finite(self, evaluation: Evaluation) -> bool:
        names = {aim.name for aim in self.problem.aims} | set(self.predicted_names)
        return all(np.isfinite(evaluation.values[name].value) for name in names)

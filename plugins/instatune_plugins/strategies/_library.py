"""Strategies that another library leads: it suggests a candidate, it is told how that one did.

Libraries repeat themselves and know no exact limits. A candidate whose result is known, or that
breaks an exact limit, is answered at once and costs nothing; the rest waits for being measured.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._networks import keys
from instatune_plugins.strategies._searcher import Searcher

_TRIES = 50  # candidates without a new network before a random one steps in; fewer the next time


@attrs.frozen
class Candidate:
    """What a library suggests.

    Attributes:
        network: Canonical genotype ``[1, genes]``.
        ticket: What the library wants back with the answer.
    """

    network: Genotypes
    ticket: Any

    @property
    def key(self) -> bytes:
        """Equal for equal networks."""
        return keys(self.network)[0]


@attrs.frozen
class Answer:
    """How a candidate did.

    Attributes:
        losses: ``[aims]``; None where it was not measured or the measurement failed.
        violation: Of all limits that are known of; 0 = feasible.
    """

    losses: NDArray[np.float64] | None
    violation: float


Waiting: TypeAlias = dict[bytes, list[Candidate]]


class Led(Searcher):
    """Asks a library for candidates until enough of them are new."""

    _waiting: Waiting | None = None
    _patience: int = _TRIES

    @property
    @abstractmethod
    def batch(self) -> int:
        """Networks that are measured together."""

    @abstractmethod
    def suggest(self) -> Candidate | None:
        """The library's next candidate; None where it first wants answers."""

    @abstractmethod
    def answer(self, candidate: Candidate, answer: Answer) -> None:
        """Tell the library how one of its candidates did."""

    @abstractmethod
    def inform(self, network: Genotypes, answer: Answer) -> None:
        """Tell the library of a network ``[1, genes]`` that it did not suggest."""

    def propose(self, limit: int) -> Genotypes:
        """New feasible candidates; fewer than a batch if the library only repeats itself."""
        waiting: Waiting = {}
        self._waiting = waiting
        for _ in range(self._patience * min(self.batch, limit)):
            candidate = self.suggest()
            if candidate is None:
                break
            if candidate.key in waiting or len(self.new(candidate.network)):
                waiting.setdefault(candidate.key, []).append(candidate)
            else:
                self.answer(candidate, self._answer(candidate.network))
            if len(waiting) == min(self.batch, limit):
                break
        self._patience = _TRIES if waiting else max(self._patience // 2, 2)
        networks = [candidates[0].network for candidates in waiting.values()]
        return np.concatenate([self.memory.genotypes[:0], *networks])

    def digest(self, rows: NDArray[np.int64]) -> None:
        """Answer all that waited, failures included, and tell of networks from elsewhere."""
        waiting, self._waiting = self._waiting or {}, None
        for network in self.memory.genotypes[rows]:
            if keys(network[None])[0] not in waiting:
                self.inform(network[None], self._answer(network[None]))
        for candidates in waiting.values():
            for candidate in candidates:
                self.answer(candidate, self._answer(candidate.network))

    def penalised(self, answer: Answer) -> NDArray[np.float64]:
        """Losses ``[aims]``; of what failed or breaks a limit, worse than all measured so far.

        This is a death penalty that still grows with the violation, for libraries whose own
        handling of constraints differs from one algorithm to the next.
        """
        if answer.losses is not None and answer.violation <= 0:
            return answer.losses
        known = self.memory.scores().losses
        if not len(known):
            return np.full(len(self.problem.aims), 1.0 + answer.violation)
        high, low = known.max(axis=0), known.min(axis=0)
        return np.asarray(high + (high - low + 1e-9) * (0.1 + answer.violation))

    def _answer(self, network: Genotypes) -> Answer:
        row = self.memory.measured.get(keys(network)[0])
        if row is None:
            return Answer(None, float(self.problem.violation(network)[0]))
        scores = self.memory.scores()
        return Answer(scores.losses[row], float(scores.violation[row]))

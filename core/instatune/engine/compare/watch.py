"""Watching a strategy: its own time, what it asks for twice, and what its predictor says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from instatune.engine.compare.blame import BlamedError
from instatune.interfaces import Evaluation, Prediction, Predictor, Strategy
from instatune.space import Architecture


class Watched(Strategy):
    """A strategy, and a clock that runs while it thinks: in ``ask`` and ``tell``.

    Attributes:
        strategy: What is watched; it may be made later, on the same clock.
        overhead: Seconds that the strategy itself took so far.
        asked: Networks that it asked for, repeats included.
        duplicates: Networks that it asked for again.
    """

    def __init__(
        self, make: Callable[[], Strategy], prefetch: Callable[[Sequence[Architecture]], None]
    ) -> None:
        """Make the strategy.

        Args:
            make: Makes it.
            prefetch: Told what was asked for, before it is measured.
        """
        self.overhead = 0.0
        self.asked = 0
        self.duplicates = 0
        self._seen: set[str] = set()
        self._prefetch = prefetch
        with self._clock():
            self.strategy = make()

    def ask(self, limit: int) -> Sequence[Architecture]:
        """Pass on, timed."""
        with self._clock():
            asked = list(self.strategy.ask(limit))
        if all(isinstance(item, Architecture) for item in asked):  # else told by the search loop
            self._count(asked)
            self._prefetch(asked)
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Pass on, timed."""
        with self._clock():
            self.strategy.tell(evaluations)

    def _count(self, asked: Sequence[Architecture]) -> None:
        self.asked += len(asked)
        for architecture in asked:
            self.duplicates += architecture.key in self._seen
            self._seen.add(architecture.key)

    @contextmanager
    def _clock(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.overhead += time.perf_counter() - started


class Checked(Predictor):
    """A predictor whose answers are looked at: a strategy may not notice when they are nonsense."""

    def __init__(self, predictor: Predictor, blame: str) -> None:
        """Take a fresh predictor and who is to blame for it."""
        super().__init__(predictor.config, predictor.seed)
        self._predictor = predictor
        self._blame = blame

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Pass on."""
        try:
            self._predictor.fit(x, y)
        except Exception as error:
            raise BlamedError(
                self._blame, f"failed in fit: {type(error).__name__}: {error}"
            ) from error

    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Pass on, and refuse what is no prediction."""
        try:
            made = self._predictor.predict(x)
        except Exception as error:
            raise BlamedError(
                self._blame, f"failed in predict: {type(error).__name__}: {error}"
            ) from error
        for name, values in (("mean", made.mean), ("std", made.std)):
            if values is None:
                continue
            if np.shape(values) != (len(x),):
                raise BlamedError(
                    self._blame,
                    f"predicted a {name} of shape {np.shape(values)} for {len(x)}"
                    f" networks; it must give one number for each, shape ({len(x)},)",
                )
            wrong = int((~np.isfinite(values)).sum())
            if wrong:
                raise BlamedError(
                    self._blame,
                    f"predicted a {name} that is no finite number for {wrong} of {len(x)} networks",
                )
        return made

    @property
    def note(self) -> str:
        """Pass on."""
        return self._predictor.note

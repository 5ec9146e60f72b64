"""What the regressions share: values of unit variance, folds, and a way out for hopeless data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Prediction, Predictor

Array = NDArray[np.float64]


@attrs.frozen
class Scale:
    """Mean and standard deviation of the values that were learned from."""

    mean: float
    std: float

    @classmethod
    def of(cls, y: Array) -> Scale:
        """Measure values; those that differ by rounding errors alone have a deviation of 0."""
        mean, std = float(y.mean()), float(y.std())
        return cls(mean, std if std > 1e-12 * max(abs(mean), 1e-300) else 0.0)


class Standardised(Predictor):
    """Learns ``(y - mean) / std``; predicts the mean where there is nothing to learn from."""

    _least_rows = 3  # fewer cannot be left out one by one

    def fit(self, x: Array, y: Array) -> None:
        """Learn; see :meth:`Predictor.fit`."""
        self._scale = Scale.of(y)
        alike = bool((x == x[:1]).all())
        self._learned = len(y) >= self._least_rows and self._scale.std > 0 and not alike
        if self._learned:
            self._learn(x, (y - self._scale.mean) / self._scale.std)

    def predict(self, x: Array) -> Prediction:
        """Predict; see :meth:`Predictor.predict`."""
        if not self._learned:
            return Prediction(np.full(len(x), self._scale.mean))
        return Prediction(self._scale.mean + self._scale.std * self._answer(x))

    def out_of_fold(self, x: Array, y: Array, folds: int) -> Array:
        """Predict each row by a model that did not see it, ``[rows]``.

        Whatever the settings leave open is chosen anew in each fold.
        """
        predicted = np.empty(len(y))
        for rows, held_out in folds_of(len(y), folds, self.seed):
            model = type(self)(self.config, self.seed)
            model.fit(x[rows], y[rows])
            predicted[held_out] = model.predict(x[held_out]).mean
        return predicted

    @abstractmethod
    def _learn(self, x: Array, y: Array) -> None:
        """Learn from values of mean 0 and variance 1."""

    @abstractmethod
    def _answer(self, x: Array) -> Array:
        """Predict in units of the standard deviation."""


def folds_of(rows: int, folds: int, seed: int) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Split rows at random into folds; gives row numbers to learn from and to predict."""
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), min(folds, rows))
    for held_out in parts:
        yield np.setdiff1d(np.arange(rows), held_out), held_out

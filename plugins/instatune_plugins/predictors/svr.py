"""Support vector regression with a Gaussian kernel: choices may act on each other.

Drucker et al., "Support vector regression machines", 1996. The kernel of all pairs is computed once
and shared by all folds and costs; a prediction is one matrix product with the support vectors,
where scikit-learn's own loop over rows would take seconds for the 20,000 rows of a LINAS step.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instatune_plugins.predictors._standard import Array, Scale, Standardised, folds_of

if TYPE_CHECKING:
    from instatune_plugins.predictors import SvrConfig

_ROWS = 2048  # rows predicted at once: the block of the kernel stays in the cache
_MAX_ITERATIONS = 20_000  # of the solver; high costs on repeated rows would not end


class Svr(Standardised):
    """Gaussian kernel of width 1 / (features * variance), cost by cross-validation."""

    config: SvrConfig

    @property
    def note(self) -> str:
        """The cost that was chosen."""
        return f"svr, C {self._cost:g}" if self._learned else "svr, constant"

    def out_of_fold(self, x: Array, y: Array, folds: int) -> Array:
        """Predict each row by a model that did not see it.

        The cost is the one of least error over the same folds, not chosen anew inside of each: a
        choice among a few numbers, worth less than the time of nested folds.
        """
        scale = Scale.of(y)
        if len(y) < self._least_rows or not scale.std:
            return np.full(len(y), scale.mean)
        self._gamma = _width(x)
        predicted = self._cross_validate(self._kernel(x, x), (y - scale.mean) / scale.std, folds)
        best = predicted[self._cheapest(predicted, (y - scale.mean) / scale.std)]
        return np.asarray(scale.mean + scale.std * best)

    def _learn(self, x: Array, y: Array) -> None:
        self._gamma = _width(x)
        kernel = self._kernel(x, x)
        predicted = self._cross_validate(kernel, y, self.config.folds)
        self._cost = self.config.costs[self._cheapest(predicted, y)]
        model = self._solve(kernel, y, self._cost)
        self._vectors = np.ascontiguousarray(x[model.support_], dtype=np.float32)
        self._squares = (self._vectors**2).sum(axis=1)
        self._duals = np.asarray(model.dual_coef_[0], dtype=np.float32)
        self._bias = float(model.intercept_[0])

    def _answer(self, x: Array) -> Array:
        answers = np.empty(len(x))
        for start in range(0, len(x), _ROWS):
            answers[start : start + _ROWS] = self._answer_block(x[start : start + _ROWS])
        return answers

    def _answer_block(self, x: Array) -> Array:
        """Kernel with the support vectors in single precision: exact for one-hot codes."""
        block = x.astype(np.float32)
        distance = block @ self._vectors.T
        distance *= -2.0
        distance += (block**2).sum(axis=1)[:, None]
        distance += self._squares
        distance *= -np.float32(self._gamma)
        np.exp(distance, out=distance)
        return np.asarray(distance @ self._duals + self._bias, dtype=np.float64)

    def _kernel(self, x: Array, z: Array) -> Array:
        squares = (x**2).sum(axis=1)[:, None] + (z**2).sum(axis=1) - 2.0 * (x @ z.T)
        return np.asarray(np.exp(-self._gamma * np.maximum(squares, 0.0)))

    def _cross_validate(self, kernel: Array, y: Array, folds: int) -> Array:
        """Out-of-fold predictions of every cost, ``[costs, rows]``."""
        predicted = np.empty((len(self.config.costs), len(y)))
        for rows, held_out in folds_of(len(y), folds, self.seed):
            inner, across = kernel[np.ix_(rows, rows)], kernel[np.ix_(held_out, rows)]
            for index, cost in enumerate(self.config.costs):
                predicted[index, held_out] = self._solve(inner, y[rows], cost).predict(across)
        return predicted

    def _solve(self, kernel: NDArray[np.float64], y: Array, cost: float) -> Any:
        from sklearn.svm import SVR

        model = SVR(
            kernel="precomputed", C=cost, epsilon=self.config.epsilon, max_iter=_MAX_ITERATIONS
        )
        model.random_state = 0  # it draws nothing, but would ask the global generator for a seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an early end of the solver shows in its error
            return model.fit(kernel, y)

    @staticmethod
    def _cheapest(predicted: Array, y: Array) -> int:
        return int(((predicted - y) ** 2).mean(axis=1).argmin())


def _width(x: Array) -> float:
    """Gamma of the kernel; scikit-learn calls it "scale"."""
    return float(1.0 / (x.shape[1] * max(float(x.var()), 1e-12)))

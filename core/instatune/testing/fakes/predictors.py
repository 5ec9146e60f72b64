"""Linear regressions, for strategies that need a predictor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Prediction, Predictor


class LeastSquares(Predictor):
    """Linear regression, for strategies that need a predictor."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Solve the normal equations with a little damping."""
        wide = self._wide(x)
        self._inverse = np.linalg.inv(wide.T @ wide + 1e-3 * np.eye(wide.shape[1]))
        self._weights = self._inverse @ wide.T @ y
        self._error = float(np.std(y - wide @ self._weights) + 1e-3 * np.std(y))

    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Evaluate the linear form."""
        return Prediction(self._wide(x) @ self._weights)

    @staticmethod
    def _wide(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.hstack([x, np.ones((len(x), 1))])


class UnsureLeastSquares(LeastSquares):
    """Linear regression that knows its standard error, for strategies that need that too."""

    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Be unsure about choices that were seen rarely."""
        wide = self._wide(x)
        leverage = np.maximum(((wide @ self._inverse) * wide).sum(axis=1), 0.0)
        return Prediction(super().predict(x).mean, self._error * np.sqrt(leverage))

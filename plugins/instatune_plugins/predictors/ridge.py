"""Ridge regression on one-hot choices: every choice has its own share in the value.

Hoerl & Kennard, "Ridge regression", 1970; the penalty is chosen by the closed form of leave-one-out
(Golub, Heath & Wahba, "Generalized cross-validation", 1979), which costs one decomposition instead
of a fit per fold and penalty.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.predictors._standard import Array, Standardised, folds_of

if TYPE_CHECKING:
    from instatune_plugins.predictors import RidgeConfig


class Ridge(Standardised):
    """Linear model with an L2 penalty."""

    config: RidgeConfig

    @property
    def note(self) -> str:
        """The penalty that was chosen."""
        return f"ridge, alpha {self._alpha:g}" if self._learned else "ridge, constant"

    def out_of_fold(self, x: Array, y: Array, folds: int) -> Array:
        """Predict each row by a model that did not see it; the penalty is chosen per fold."""
        predicted = np.empty(len(y))
        for rows, held_out in folds_of(len(y), folds, self.seed):
            model = Ridge(self.config, self.seed)
            model.fit(x[rows], y[rows])
            predicted[held_out] = model.predict(x[held_out]).mean
        return predicted

    def _learn(self, x: Array, y: Array) -> None:
        from sklearn.linear_model import RidgeCV

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # collinear columns are the nature of one-hot codes
            model = RidgeCV(alphas=list(self.config.alphas)).fit(x, y)
        self._alpha = float(model.alpha_)
        self._weights = np.asarray(model.coef_, dtype=np.float64)
        self._bias = float(model.intercept_)

    def _answer(self, x: Array) -> Array:
        return np.asarray(x @ self._weights + self._bias)

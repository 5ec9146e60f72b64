"""Ridge regression on one-hot choices: every choice has its own share in the value.

Hoerl & Kennard, "Ridge regression", 1970; the penalty is chosen by the closed form of leave-one-out
(Golub, Heath & Wahba, "Generalized cross-validation", 1979), which costs one decomposition instead
of a fit per fold and penalty.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import RidgeConfig


class Ridge(Standardised):
    """Linear model with an L2 penalty."""

    config: RidgeConfig

    @property
    def note(self) -> str:
        """The penalty that was chosen."""
        return f"ridge, alpha {self._alpha:g}" if self._learned else "ridge, constant"

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

"""Stacking: a linear model of what ridge and svr predict, the third predictor of DyNAS-T.

Wolpert, "Stacked generalization", 1992. The weights are learned from out-of-fold predictions,
because a regression flatters itself on what it has learned; they are not negative (Breiman,
"Stacked regressions", 1996), so that no model is trusted to be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.predictors import RidgeConfig, SvrConfig
from instatune_plugins.predictors._standard import Array, Standardised
from instatune_plugins.predictors.ridge import Ridge
from instatune_plugins.predictors.svr import Svr

if TYPE_CHECKING:
    from instatune_plugins.predictors import StackedConfig


class Stacked(Standardised):
    """Weighted sum of ridge and svr."""

    config: StackedConfig

    @property
    def note(self) -> str:
        """The weights that were learned."""
        if not self._learned:
            return "stacked, constant"
        return f"stacked, {self._weights[0]:.2f} ridge + {self._weights[1]:.2f} svr"

    def _learn(self, x: Array, y: Array) -> None:
        from scipy.optimize import nnls

        folds = self.config.folds
        self._models: tuple[Standardised, ...] = (
            Ridge(RidgeConfig(), self.seed),
            Svr(SvrConfig(folds=folds), self.seed),
        )
        honest = np.stack([model.out_of_fold(x, y, folds) for model in self._models], axis=1)
        self._weights, _ = nnls(honest, y)
        for model in self._models:
            model.fit(x, y)

    def _answer(self, x: Array) -> Array:
        answers = [model.predict(x).mean for model in self._models]
        return np.asarray(np.stack(answers, axis=1) @ self._weights)

"""Gradient-boosted trees on histograms, the predictor of GBDT-NAS.

Luo et al., "Accuracy prediction with non-neural model for neural architecture search", 2020. A leaf
may be small: a search knows some dozens of networks, not thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import GbdtConfig

_ROWS = 1024  # rows predicted at once: they stay in the cache while all trees look at them


class Gbdt(Standardised):
    """scikit-learn's histogram trees."""

    config: GbdtConfig

    @property
    def note(self) -> str:
        """How many trees there are."""
        return f"gbdt, {self.config.trees} trees" if self._learned else "gbdt, constant"

    def _learn(self, x: Array, y: Array) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self._model = HistGradientBoostingRegressor(
            max_iter=self.config.trees,
            max_leaf_nodes=self.config.leaves,
            learning_rate=self.config.rate,
            min_samples_leaf=self.config.least,
            max_bins=3,  # one-hot features have two values
            early_stopping=False,
            random_state=self.seed % 2**32,
        )
        self._model.fit(x, y)

    def _answer(self, x: Array) -> Array:
        if not len(x):
            return np.empty(0)
        blocks = [x[start : start + _ROWS] for start in range(0, len(x), _ROWS)]
        return np.concatenate([self._model.predict(block) for block in blocks])

"""CatBoost: boosting of symmetric trees, each of which asks the same questions on a level.

Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", NeurIPS 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import CatboostConfig


class Catboost(Standardised):
    """Trees on one thread: two cost more time at this size, and give the same."""

    config: CatboostConfig

    @property
    def note(self) -> str:
        """How many trees there are."""
        return f"catboost, {self.config.trees} trees" if self._learned else "catboost, constant"

    def _learn(self, x: Array, y: Array) -> None:
        from catboost import CatBoostRegressor

        self._model = CatBoostRegressor(
            iterations=self.config.trees,
            depth=self.config.depth,
            learning_rate=self.config.rate,
            random_seed=self.seed % 2**31,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
        )
        self._model.fit(x, y)

    def _answer(self, x: Array) -> Array:
        return np.asarray(self._model.predict(x, thread_count=1), dtype=np.float64)

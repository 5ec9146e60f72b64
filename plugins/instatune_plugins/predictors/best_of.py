"""The better of several regressions: what counts in a search is the order of unseen networks.

Each candidate predicts every known network from the other folds; the highest Kendall τ wins, on a
tie the lower squared error. DyNAS-T chooses by error alone.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING

import attrs
import numpy as np

from instatune.interfaces import Prediction, Predictor
from instatune.metrics.statistics import kendall
from instatune_plugins.predictors import (
    CatboostConfig,
    GbdtConfig,
    GpConfig,
    MlpConfig,
    RidgeConfig,
    StackedConfig,
    SvrConfig,
)
from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import BestOfConfig, Candidate


@attrs.frozen(kw_only=True)
class Trial:
    """How a candidate did in cross-validation.

    Attributes:
        name: Its name.
        tau: Kendall's τ of predicted and true values; -1 where they have no order.
        error: Mean squared error.
    """

    name: str
    tau: float
    error: float


class BestOf(Predictor):
    """Cross-validates its candidates, then learns anew with the best one from all data."""

    config: BestOfConfig

    def fit(self, x: Array, y: Array) -> None:
        """Choose and learn; see :meth:`Predictor.fit`."""
        candidates: dict[str, Standardised] = {
            name: self._make(name) for name in self.config.candidates
        }
        self.trials = tuple(self._try(name, model, x, y) for name, model in candidates.items())
        self.chosen = min(self.trials, key=lambda t: (-round(t.tau, 9), t.error)).name
        self._model = candidates[self.chosen]
        self._model.fit(x, y)

    def predict(self, x: Array) -> Prediction:
        """Predict with the chosen one."""
        return self._model.predict(x)

    @property
    def note(self) -> str:
        """Which one was chosen."""
        return self._model.note

    def _make(self, name: Candidate) -> Standardised:
        """Make a candidate with its usual settings; what is not asked for is not imported."""
        settings = {
            "ridge": RidgeConfig(),
            "svr": SvrConfig(folds=self.config.folds),
            "stacked": StackedConfig(folds=self.config.folds),
            "catboost": CatboostConfig(),
            "gbdt": GbdtConfig(),
            "gp": GpConfig(),
            "mlp": MlpConfig(),
        }[name]
        module = import_module(f"instatune_plugins.predictors.{name}")
        kind: type[Standardised] = getattr(module, name.title())
        return kind(settings, self.seed)

    def _try(self, name: str, model: Standardised, x: Array, y: Array) -> Trial:
        if len(y) < 2:  # nothing to leave out
            return Trial(name=name, tau=-1.0, error=0.0)
        predicted = model.out_of_fold(x, y, self.config.folds)
        tau = kendall(y, predicted)
        error = float(np.mean((predicted - y) ** 2))
        return Trial(name=name, tau=-1.0 if math.isnan(tau) else tau, error=error)

"""A deep ensemble in small: neural networks from different starts, averaged.

Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep
ensembles", NeurIPS 2017. A strong penalty and a full-batch optimiser, because the data are few.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Prediction
from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import MlpConfig

_STEPS = 60  # of L-BFGS; more fits the noise


class Mlp(Standardised):
    """Mean and spread of a few multi-layer perceptrons."""

    config: MlpConfig

    @property
    def note(self) -> str:
        """How many networks of what size there are."""
        shape = "-".join(map(str, self.config.hidden))
        return f"mlp, {self.config.members} x {shape}" if self._learned else "mlp, constant"

    def predict(self, x: Array) -> Prediction:
        """Predict mean and standard deviation; see :meth:`Predictor.predict`."""
        if not self._learned:
            return Prediction(np.full(len(x), self._scale.mean), np.zeros(len(x)))
        answers = self._answers(x)
        mean, spread = answers.mean(axis=0), answers.std(axis=0, ddof=1)
        return Prediction(self._scale.mean + self._scale.std * mean, self._scale.std * spread)

    def _learn(self, x: Array, y: Array) -> None:
        from sklearn.neural_network import MLPRegressor

        self._models = [
            MLPRegressor(
                hidden_layer_sizes=self.config.hidden,
                activation="tanh",
                solver="lbfgs",
                alpha=self.config.penalty,
                max_iter=_STEPS,
                random_state=(self.seed + member) % 2**32,
            )
            for member in range(self.config.members)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the end before convergence is meant
            for model in self._models:
                model.fit(x, y)

    def _answer(self, x: Array) -> Array:
        return np.asarray(self._answers(x).mean(axis=0))

    def _answers(self, x: Array) -> Array:
        return np.stack([model.predict(x) for model in self._models])

"""``latency_mlp``: a multi-layer perceptron, for times that are no sum of parts.

After HAT (Wang et al., ACL 2020, arXiv:2005.14187): three hidden layers on a few numbers by which
people describe a transformer, such as the number of layers and the width of each kind, summed over
layers. To these come the sums of products of two, as width times bits. It learns the logarithm of
the time, so that relative errors count and no prediction is below zero, and averages a few networks
from different starts. Which layer it is that is wide or narrow it does not see.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from instatune_plugins.objectives.latency_predicted import Array, Model, PredictedLatency, kind_of

if TYPE_CHECKING:
    from instatune.space import SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.objectives.latency_config import LatencyMlpConfig

_STEPS = 200  # of L-BFGS; samples are few, so that each step sees them all


class LatencyMlp(PredictedLatency):
    """Perceptrons of scikit-learn on standardised numbers."""

    config: LatencyMlpConfig

    def learn(self, space: SearchSpace, genotypes: Genotypes, seconds: Array) -> Model:
        """Train; see :meth:`PredictedLatency.learn`."""
        from sklearn.neural_network import MLPRegressor

        x, y = numbers(space, genotypes), np.log(seconds)
        middle, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        mean, spread = float(y.mean()), max(float(y.std()), 1e-12)
        models = [
            MLPRegressor(
                hidden_layer_sizes=self.config.hidden,
                activation="tanh",
                solver="lbfgs",
                alpha=self.config.penalty,
                max_iter=_STEPS,
                random_state=(self.config.seed + member) % 2**32,
            )
            for member in range(self.config.members)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the end before convergence is meant
            for model in models:
                model.fit((x - middle) / scale, (y - mean) / spread)

        def predict(asked: Genotypes) -> Array:
            seen = (numbers(space, asked) - middle) / scale
            answers = np.stack([model.predict(seen) for model in models])
            return np.asarray(np.exp(mean + spread * answers.mean(axis=0)))

        return predict


def numbers(space: SearchSpace, genotypes: Genotypes) -> Array:
    """Shares of what the full model has, summed over the layers of a stack, ``[rows, columns]``.

    Genes outside of layers come first, then the sum of each kind of gene, then that of the product
    of each two kinds of a layer. Dropped layers add nothing, so that depth shows in all sums.
    """
    active = space.active(genotypes)
    alone: list[Array] = []
    layers: dict[tuple[str | None, int], list[tuple[Hashable, Array]]] = {}
    for column, gene in enumerate(space.genes):
        values = np.array(gene.choices)[genotypes[:, column]] / gene.choices[-1]
        share = np.where(active[:, column], values, 0.0)
        if gene.layer is None:
            alone.append(share)
        else:
            layers.setdefault((gene.stack, gene.layer), []).append((kind_of(gene), share))
    sums: dict[Hashable, Array] = {}
    for members in layers.values():
        pairs = [((one, other), a * b) for (one, a), (other, b) in combinations(members, 2)]
        for key, share in (*members, *pairs):
            sums[key] = sums[key] + share if key in sums else share
    return np.stack([*alone, *sums.values()], axis=1)

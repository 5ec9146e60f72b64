"""Attentive sampling: of several candidates of one size train the best, or the worst.

Wang et al., "AttentiveNAS: Improving Neural Architecture Search via Attentive Sampling", CVPR 2021:
draw a target of MACs, draw k networks of that size, compare their losses on the minibatch. BestUp
trains the one with the lowest loss, WorstUp the one with the highest. The largest and the
smallest network are trained in each step besides.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING

import numpy as np

from instatune.errors import PluginError
from instatune.interfaces import Draw, Gauge, Sampler
from instatune_plugins.samplers._random import require_choice
from instatune_plugins.samplers._sized import Bins, draw_between

if TYPE_CHECKING:
    from instatune.space import Architecture, SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.samplers import AttentiveConfig


class Attentive(Sampler):
    """``2 + n_random`` networks; costs ``n_random * candidates`` forward passes more."""

    config: AttentiveConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Refuse: without losses there is nothing to attend to."""
        raise PluginError("sampler attentive needs the MACs and losses of networks; call draw_with")

    def draw_with(
        self,
        gauge: Gauge,
        space: SearchSpace,
        step: int,
        total_steps: int,
        rng: np.random.Generator,
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw_with`."""
        require_choice(space, "attentive")
        bins = Bins.of(space, gauge.macs, self.config.bins)
        picked = [self._pick(gauge, space, bins, rng) for _ in range(self.config.n_random)]
        return (
            Draw(space.largest, "largest"),
            Draw(space.smallest, "smallest"),
            *(Draw(architecture, "sampled") for architecture in picked),
        )

    def _pick(
        self, gauge: Gauge, space: SearchSpace, bins: Bins, rng: np.random.Generator
    ) -> Architecture:
        """One candidate out of a bin, by its loss."""
        rows = self._candidates(gauge, space, bins, rng)
        candidates = list(dict.fromkeys(space.decode(rows)))
        if len(candidates) == 1:
            return candidates[0]
        sign = 1.0 if self.config.mode == "best_up" else -1.0
        return min(candidates, key=lambda found: _ordered(sign * gauge.loss(found)))

    def _candidates(
        self, gauge: Gauge, space: SearchSpace, bins: Bins, rng: np.random.Generator
    ) -> Genotypes:
        """Networks of one bin, ``[candidates, genes]``."""
        count = self.config.candidates
        if self.config.target == "uniform":
            edges = bins.edges(int(rng.integers(0, bins.count)))
            return draw_between(space, gauge.macs, edges, count, rng)
        # The prior is the size of a network with uniform genes; that network is a candidate too.
        first = space.sample(rng, 1)
        edges = bins.edges(int(bins.of_macs(gauge.macs(first))[0]))
        return np.concatenate(
            [first, draw_between(space, gauge.macs, edges, count - 1, rng)], axis=0
        )


def _ordered(loss: float) -> float:
    """Put losses that are not a number last."""
    return inf if isnan(loss) else loss

"""Balanced sizes: as many networks are trained of each size, from the smallest to the largest.

Uniform genes give networks of middling MACs nearly always (their sum is near its mean), so the ends
of the front are hardly trained. Here a bin of MACs is drawn uniformly, then a network inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.errors import PluginError
from instatune.interfaces import Draw, Gauge, Sampler
from instatune_plugins.samplers._random import require_choice
from instatune_plugins.samplers._sized import Bins, draw_between

if TYPE_CHECKING:
    from instatune.space import SearchSpace
    from instatune_plugins.samplers import MacsBalancedConfig


class MacsBalanced(Sampler):
    """``1 + n_random`` networks: the largest, then some whose MACs are uniform over bins."""

    config: MacsBalancedConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Refuse: without MACs nothing can be balanced."""
        raise PluginError("sampler macs_balanced needs the MACs of networks; call draw_with")

    def draw_with(
        self,
        gauge: Gauge,
        space: SearchSpace,
        step: int,
        total_steps: int,
        rng: np.random.Generator,
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw_with`."""
        require_choice(space, "macs_balanced")
        bins = Bins.of(space, gauge.macs, self.config.bins)
        wanted = rng.integers(0, bins.count, self.config.n_random)
        rows = [draw_between(space, gauge.macs, bins.edges(int(b)), 1, rng) for b in wanted]
        genotypes = np.concatenate([space.encode([]), *rows])
        return (
            Draw(space.largest, "largest"),
            *(Draw(architecture, "sampled") for architecture in space.decode(genotypes)),
        )

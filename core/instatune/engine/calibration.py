"""Calibration: sub-networks of a run take statistics of their own from the same training batches.

Only batch normalisations have such statistics; see :mod:`instatune.supernet.calibration`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from instatune.supernet.calibration import Statistics, normalisations, statistics

if TYPE_CHECKING:
    from instatune.engine.batches import BatchPlan
    from instatune.engine.workshop import Workshop
    from instatune.interfaces import Batch
    from instatune.space import Architecture
    from instatune.supernet.supernet import Supernet


class Calibration:
    """Gives the statistics of sub-networks; costs nothing where there are none to give."""

    def __init__(self, shop: Workshop) -> None:
        """Take the run; batches are made when a network first needs them."""
        self._shop = shop

    def of(self, supernet: Supernet, architecture: Architecture) -> Statistics:
        """Statistics of a sub-network: to stand while it is active, or to be cut out with it."""
        with supernet.active(architecture):
            return self.present(supernet)

    def present(self, supernet: Supernet) -> Statistics:
        """Statistics of the form that the super-network is held in now."""
        return statistics(supernet.model, self._lazily(), supernet.forward)

    def spelled(self, supernet: Supernet) -> tuple[str, ...]:
        """What statistics follow from, for the keys of measurements; empty if there are none."""
        if not normalisations(supernet.model):
            return ()
        spec = self._shop.plan.spec
        return (f"calibrated {spec.search.calibration_batches} x {spec.tune.batch_size}",)

    def volume(self, supernet: Supernet) -> int:
        """Images that each network runs over for its statistics; 0 where it has none."""
        if not normalisations(supernet.model):
            return 0
        spec = self._shop.plan.spec
        return spec.search.calibration_batches * spec.tune.batch_size

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """Training batches on the device of the run, augmented as in training; always the same."""
        shop, spec = self._shop, self._shop.plan.spec
        plan = shop.batches("train", spec.tune.batch_size, epoch=0)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(shop.seed("calibration"))
            return tuple(
                {name: tensor.to(shop.device) for name, tensor in plan[index].items()}
                for index in _full(plan, spec.search.calibration_batches)
            )

    def _lazily(self) -> Iterator[Batch]:
        yield from self.batches


def _full(plan: BatchPlan, count: int) -> Sequence[int]:
    """Indices of the first batches; one with the rest of an epoch comes last: it is noisier."""
    indices = sorted(range(len(plan)), key=lambda i: (-len(plan.indices(i)), i))
    return indices[:count]

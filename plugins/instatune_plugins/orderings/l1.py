"""Importance by magnitude: the L1 norm of the weights that read a unit.

Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020,
sort channels by it before shrinking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from instatune.interfaces import Ordering, Probe
from instatune_plugins.orderings._units import from_reading_weights

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Anatomy


class L1(Ordering):
    """Sum of |outgoing weight| of each unit; needs no data."""

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU."""
        return from_reading_weights(anatomy, probe.model, lambda weight: weight.abs())

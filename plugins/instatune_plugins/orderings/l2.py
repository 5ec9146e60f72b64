"""Importance by magnitude: the L2 norm of the weights that read a unit.

The default of BootstrapNAS: Muñoz et al., "Automated Super-Network Generation for Scalable Neural
Architecture Search", AutoML 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from instatune.interfaces import Ordering, Probe
from instatune_plugins.orderings._units import from_reading_weights

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Anatomy


class L2(Ordering):
    """Root of the sum of squared outgoing weights of each unit; needs no data."""

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU."""
        squares = from_reading_weights(anatomy, probe.model, lambda weight: weight.square())
        return {name: total.sqrt() for name, total in squares.items()}

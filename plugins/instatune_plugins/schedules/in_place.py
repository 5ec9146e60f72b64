"""In-place distillation: only the largest network sees labels, all others copy it.

Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020.
It is Equation 1 of InstaTune with γ = 0, α = 1 for the super-network and α = 0 for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import LossWeights, Moment, Role, Schedule

if TYPE_CHECKING:
    from instatune_plugins.schedules import InPlaceConfig


class InPlace(Schedule):
    """Labels for the largest network, its soft labels for the rest."""

    config: InPlaceConfig

    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for one network; see :meth:`Schedule.weights`."""
        if role == "largest":
            return LossWeights(task=1.0)
        rho, inside = self.config.rho, self.config.inside()
        return LossWeights(task=0.0, supernet=1.0, temperature=rho, **inside)

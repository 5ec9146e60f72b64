"""No distillation: every network learns from the labels. Equation 1 of InstaTune with α = 1."""

from __future__ import annotations

from instatune.interfaces import LossWeights, Moment, Role, Schedule


class Plain(Schedule):
    """The task loss alone, for ablations."""

    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for one network; see :meth:`Schedule.weights`."""
        return LossWeights(task=1.0)

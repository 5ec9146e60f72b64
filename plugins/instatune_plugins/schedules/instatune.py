"""Equation 1 of InstaTune (arXiv 2308.15609).

With S the super-network, S_i the sampled sub-networks, T the fine-tuned teacher::

    L = α { CE(S) + Σ_i CE(S_i) }
      + (1-α) { γ KL(S, T, ρ) + Σ_i [ (1-γ) KL(S_i, S, ρ) + γ KL(S_i, T, ρ) ] }

Two things follow from the algebra. With γ = 0 nobody teaches S, which then learns with weight α
only; with γ = 1 S teaches nobody. The sums are literal: no division by their number of terms.

The terms ``hidden`` and ``relation`` are not of the paper: they are added for each S_i as they are,
whatever α and γ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import LossWeights, Moment, Role, Schedule

if TYPE_CHECKING:
    from instatune_plugins.schedules import InstaTuneConfig


class InstaTune(Schedule):
    """Weights of Equation 1, with γ switched by epoch."""

    config: InstaTuneConfig

    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for one network; see :meth:`Schedule.weights`."""
        alpha, gamma = self.config.alpha, self.gamma(moment.epoch)
        largest = role == "largest"
        return LossWeights(
            task=alpha,
            teacher=(1.0 - alpha) * gamma,
            supernet=0.0 if largest else (1.0 - alpha) * (1.0 - gamma),
            temperature=self.config.rho,
            **({} if largest else self.config.inside()),
        )

    def gamma(self, epoch: int) -> float:
        """Share of the teacher in the distillation at an epoch, counted from 0."""
        if self.config.gamma == "teacher_first":
            return float(epoch < (self.config.teacher_epochs or 0))
        return float(self.config.gamma == "high_cost")

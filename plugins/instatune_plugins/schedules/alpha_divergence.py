"""In-place distillation by an adaptive α-divergence.

Wang et al., "AlphaNet: Improved Training of Supernets with Alpha-Divergence", ICML 2021; used by
NASViT (Gong et al., ICLR 2022). With teacher p, student q and the ratio r = p / q::

    D_α(p || q) = 1 / (α (α - 1)) * Σ q (r^α - 1)    D_1 = Σ p log(p / q)    D_0 = Σ q log(q / p)

KL, which is α = 1, punishes a student that misses what the teacher expects, but hardly one that
expects too much; a negative α does the opposite. For each example the larger of the two counts.

The gradient is ``dD_α = -1/α Σ q r^α d(log q)``. Its weights r^α have no bound for α other than
1, so they are clipped, in the value too.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import torch

from instatune.interfaces import LossWeights, Moment, Role, Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from instatune_plugins.schedules import AlphaDivergenceConfig


_LIMIT = 1e-3  # nearer than this to 0 or 1 the limit is more exact than the quotient


class AlphaDivergence(Schedule):
    """Labels for the largest network, its soft labels by the larger divergence for the rest."""

    config: AlphaDivergenceConfig

    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for one network; see :meth:`Schedule.weights`."""
        if role == "largest":
            return LossWeights(task=1.0)
        rho, inside = self.config.rho, self.config.inside()
        return LossWeights(task=0.0, supernet=1.0, temperature=rho, **inside)

    def distance(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """``ρ²`` times the larger divergence of each example, averaged; see :meth:`Schedule`."""
        if student.shape[-1] == 1:  # a number, of which no divergence can be told
            return super().distance(student, teacher, temperature)
        log_q = torch.log_softmax(student.float() / temperature, dim=-1)
        log_p = torch.log_softmax(teacher.float() / temperature, dim=-1)
        low = divergence(log_p, log_q, self.config.alpha_min, self.config.clip)
        high = divergence(log_p, log_q, self.config.alpha_max, self.config.clip)
        return torch.maximum(low, high).mean() * temperature**2


def divergence(log_p: Tensor, log_q: Tensor, alpha: float, clip: float) -> Tensor:
    """``D_α`` of each example with ``r^α`` clipped.

    Args:
        log_p: Log-probabilities of the teacher ``[..., classes]``, without a graph.
        log_q: Log-probabilities of the student ``[..., classes]``.
        alpha: Order, at most 1; 1 and 0 are the two directions of KL, which need no clipping.
        clip: Largest ``r^α``. From ``1 - alpha`` on the clipped value cannot be negative.

    Returns:
        ``[...]`` in nats, not negative.
    """
    if abs(alpha - 1.0) < _LIMIT:
        return (log_p.exp() * (log_p - log_q)).sum(-1)
    if abs(alpha) < _LIMIT:
        return (log_q.exp() * (log_q - log_p)).sum(-1)
    fixed = log_q.detach()
    # r^α - 1; as Σ q d(log q) = 0, the 1 changes nothing but the rounding.
    excess = fixed.exp() * (alpha * (log_p - fixed)).clamp(max=log(clip)).expm1()
    value = excess.sum(-1) / (alpha * (alpha - 1.0))
    # The clipped weights are constants of the gradient: it comes from this term, whose value is 0.
    return value - (excess * (log_q - fixed)).sum(-1) / alpha

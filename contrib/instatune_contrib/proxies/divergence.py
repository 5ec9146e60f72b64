"""Kullback-Leibler divergence from the full network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from instatune_contrib.proxies._compare import Comparison

if TYPE_CHECKING:
    from torch import Tensor


class Divergence(Comparison):
    """KL(full ‖ candidate) of the predicted distributions, in nats."""

    def score(self, full: Tensor, candidate: Tensor) -> Tensor:
        """Divergence of each example: ``[examples]``."""
        return functional.kl_div(
            functional.log_softmax(candidate, dim=-1),
            functional.log_softmax(full, dim=-1),
            reduction="none",
            log_target=True,
        ).sum(dim=-1)

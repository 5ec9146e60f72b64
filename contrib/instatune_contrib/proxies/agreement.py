"""Top-1 agreement with the full network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune_contrib.proxies._compare import Comparison

if TYPE_CHECKING:
    from torch import Tensor


class Agreement(Comparison):
    """Share of examples on which both networks name the same class."""

    def score(self, full: Tensor, candidate: Tensor) -> Tensor:
        """1 where the classes are equal, else 0: ``[examples]``."""
        return full.argmax(dim=-1) == candidate.argmax(dim=-1)

"""No ordering: units keep the order of the checkpoint, as in InstaTune (arXiv 2308.15609)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from instatune.interfaces import Ordering, Probe

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Anatomy


class Unordered(Ordering):
    """Scores no group, so that none is permuted."""

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Give no scores."""
        return {}

"""Size of a network's file of weights, from the architecture alone; see :mod:`.space.storage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instatune.interfaces import ExactObjective
from instatune.space.storage import Storage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from instatune.space import Anatomy, SearchSpace
    from instatune.space.search_space import Genotypes


class ModelSize(ExactObjective):
    """Bytes of the safetensors file that a network is exported to."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._last: tuple[Anatomy, Storage] | None = None

    def exact(
        self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        """Count for a population; see :meth:`ExactObjective.exact`."""
        if self._last is None or self._last[0] is not anatomy:
            self._last = (anatomy, Storage(anatomy))
        return self._last[1].file(space, genotypes)

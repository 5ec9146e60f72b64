"""Number of parameters of a sub-network, exact, tied ones once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instatune.interfaces import ExactObjective
from instatune.space import counting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from instatune.space import Anatomy, Polynomial, SearchSpace
    from instatune.space.search_space import Genotypes


class Params(ExactObjective):
    """Counts what an extracted network holds."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._last: tuple[Anatomy, Polynomial] | None = None

    def exact(
        self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        """Count for a population; see :meth:`ExactObjective.exact`."""
        if self._last is None or self._last[0] is not anatomy:
            self._last = (anatomy, counting.parameters(anatomy))
        return space.count(self._last[1], genotypes)

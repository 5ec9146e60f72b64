"""Time of a forward pass on an idealised processor: the roofline model, operation by operation.

An operation takes as long as its arithmetic or its traffic with memory, whichever is longer
(Williams, Waterman and Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
Architectures", CACM 2009), and a constant for the call:

    t = sum over operations of [ max(F / peak(bits), B / bandwidth) + overhead ]

Operations are the maps with weights (F: multiply-accumulates; B: bytes of the weight at its bits
and of float32 values in and out) and the attention of each layer, taken as one fused operation in
float32. Norms, activation functions and look-ups are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np

from instatune.interfaces import ExactObjective
from instatune.space import Polynomial, Term
from instatune.space.policy import module_of
from instatune.space.search_space import FULL_BITS
from instatune.space.sizes import Sizes, home_of
from instatune_plugins.objectives._length import length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from instatune.space import Anatomy, SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.objectives import RooflineConfig

_FLOAT = 4  # bytes of a value between operations


@attrs.frozen(kw_only=True)
class _Operation:
    """One operation of a forward pass, nothing where its layer is dropped.

    Attributes:
        macs: Multiply-accumulates of the batch.
        values: Numbers that are read and written besides the weight.
        weight: Elements of the weight, if it has one.
        module: Whose bits it has; None for full precision.
    """

    macs: Polynomial
    values: Polynomial
    weight: Polynomial
    module: str | None


class Roofline(ExactObjective):
    """Seconds for one batch."""

    config: RooflineConfig

    def __init__(self, config: RooflineConfig) -> None:
        super().__init__(config)
        self._last: tuple[Anatomy, tuple[_Operation, ...]] | None = None

    def exact(
        self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        """Add the operations up for a population; see :meth:`ExactObjective.exact`.

        Raises:
            SpaceError: More tokens than the model takes.
        """
        if self._last is None or self._last[0] is not anatomy:
            self._last = (anatomy, tuple(self._operations(anatomy)))
        total = np.zeros(len(genotypes))
        for operation in self._last[1]:
            total += self._seconds(operation, space, genotypes)
        return total

    def _seconds(
        self, operation: _Operation, space: SearchSpace, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        macs = space.count(operation.macs, genotypes)
        moved = _FLOAT * space.count(operation.values, genotypes)
        bits = np.full(len(genotypes), float(FULL_BITS))
        if operation.module is not None:
            bits = space.bits(genotypes, operation.module)
            moved += space.count(operation.weight, genotypes) * bits / 8
        longer = np.maximum(macs / self._peak(bits), moved / self.config.bandwidth)
        return np.where(macs > 0, longer + self.config.overhead, 0.0)

    def _peak(self, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply-accumulates a second in the arithmetic that so many bits need."""
        wide = np.where(bits <= 16, self.config.peak_16, self.config.peak_32)
        return np.where(bits <= 8, self.config.peak_8, wide)

    def _operations(self, anatomy: Anatomy) -> Iterator[_Operation]:
        tokens, sizes = length(self.config.tokens, anatomy), Sizes(anatomy)
        positions: defaultdict[str, int] = defaultdict(int)  # a weight may be listed in parts
        for work in anatomy.work:
            positions[work.weight] += work.positions * tokens**work.tokens_power
        for weight, count in positions.items():
            rows = count * self.config.batch
            yield _Operation(
                macs=Polynomial.of([sizes.term(weight, rows)]),
                values=Polynomial.of(sizes.along(weight, axis, rows) for axis in (0, 1)),
                weight=Polynomial.of([sizes.term(weight)]),
                module=module_of(weight),
            )
        for attention in anatomy.attentions:
            group = anatomy.group(attention.group)
            home = attention.home or home_of(group)
            # Queries, keys and values come in, their mixture goes out.
            values = 4 * self.config.batch * tokens * attention.unit
            yield _Operation(
                macs=Polynomial.of([Term(values * tokens / 2, (group.name,), home)]),
                values=Polynomial.of([Term(values, (group.name,), home)]),
                weight=Polynomial(()),
                module=None,
            )

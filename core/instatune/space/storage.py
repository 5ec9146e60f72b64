"""Bytes of the file that a network is saved in, for every choice of units, layers and bits.

Weights of b < 16 bits are integers of b bits with a float32 scale for each row, that is for each
output channel of a matrix and for each entry of a look-up table. Below 8 bits, integers are packed,
each row into whole bytes, and entries of look-up tables have a scale for each
:data:`TABLE_GROUP` columns; quantizers take this number from here. What multiplies activations
keeps a scale and a zero point of these too, 4 bytes each. Weights of 16 bits and more have no
scales. Everything else (biases, norms, buffers) is saved as it is in the model.

The header of a safetensors file is a JSON text with one entry for each tensor. It is estimated: the
offsets in it are taken to have as many digits as the size of the full network.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space.anatomy import Anatomy
from instatune.space.policy import module_of
from instatune.space.polynomial import Polynomial, Term
from instatune.space.search_space import Genotypes, SearchSpace
from instatune.space.sizes import Sizes

Bytes = NDArray[np.float64]

TABLE_GROUP = 64
"""Columns of a look-up table of less than 8 bits that share a scale."""

_FLOAT = 4  # bytes of a parameter in full precision
_BYTE = 8
_WHOLE = 16  # bits from which weights are floating-point numbers
_METADATA = '{"__metadata__":{"format":"pt"}}'
_RANGE = {"input_scale": 4, "input_zero_point": 4}  # of activations, with their bytes


@attrs.frozen(kw_only=True)
class _Quantized:
    """A weight whose bits can be chosen.

    Attributes:
        module: That it belongs to.
        elements: Of the weight.
        rows: Each in whole bytes of its own.
        table: Whether it is looked up in.
        notes: Bytes of activation ranges.
        entries: Bytes in the header for what it is quantized with.
    """

    module: str
    elements: Polynomial
    rows: Polynomial
    table: bool
    notes: int
    entries: int


class Storage:
    """Counts bytes of populations; exact but for the header."""

    def __init__(self, anatomy: Anatomy) -> None:
        """Write the counts of a model down as polynomials."""
        sizes = Sizes(anatomy)
        multiplied = tuple(work.weight for work in anatomy.work)
        chosen = tuple(dict.fromkeys((*multiplied, *anatomy.embeddings)))
        full = sum(_FLOAT * int(np.prod(shape)) for shape in sizes.shapes.values())
        self._digits = len(str(full))
        self._fixed = Polynomial.of(_unchosen(anatomy, sizes, set(chosen)))
        self._header = Polynomial.of(
            Term(self._entry(name, shape), home=anatomy.stack_of(name))
            for name, shape in sizes.shapes.items()
        )
        self._quantized = tuple(
            self._weight(sizes, name, ranged=name in multiplied, table=name in anatomy.embeddings)
            for name in chosen
        )

    def tensors(self, space: SearchSpace, genotypes: Genotypes) -> Bytes:
        """Bytes of all tensors, ``[rows]``."""
        total = space.count(self._fixed, genotypes)
        for weight in self._quantized:
            bits, elements, whole = self._state(weight, space, genotypes)
            rows = space.count(weight.rows, genotypes)
            columns = elements / np.maximum(rows, 1)
            grouped = weight.table & (bits < _BYTE)
            scales = rows * np.where(grouped, np.ceil(columns / TABLE_GROUP), 1)
            total += rows * np.ceil(columns * bits / _BYTE)
            total += whole * (_FLOAT * scales + weight.notes)
        return total

    def header(self, space: SearchSpace, genotypes: Genotypes) -> Bytes:
        """Bytes of the header, ``[rows]``, an estimate."""
        total = space.count(self._header, genotypes) + len(_METADATA)
        for weight in self._quantized:
            _, _, whole = self._state(weight, space, genotypes)
            total += whole * weight.entries
        return np.asarray(8 + 8 * np.ceil(total / 8))  # its length, and padding

    def file(self, space: SearchSpace, genotypes: Genotypes) -> Bytes:
        """Bytes of the whole file, ``[rows]``."""
        return self.tensors(space, genotypes) + self.header(space, genotypes)

    @staticmethod
    def _state(
        weight: _Quantized, space: SearchSpace, genotypes: Genotypes
    ) -> tuple[Bytes, Bytes, NDArray[np.bool_]]:
        """Bits, elements, and whether there are integers to be scaled."""
        bits = space.bits(genotypes, weight.module)
        elements = space.count(weight.elements, genotypes)
        return bits, elements, (bits < _WHOLE) & (elements > 0)

    def _weight(self, sizes: Sizes, name: str, *, ranged: bool, table: bool) -> _Quantized:
        module, rows = module_of(name), sizes.shapes[name][:1]
        added = [f"{name}_scale", *(f"{module}.{key}" for key in (_RANGE if ranged else ()))]
        entries = [self._entry(key, rows if key == added[0] else ()) for key in added]
        return _Quantized(
            module=module,
            elements=Polynomial.of([sizes.term(name)]),
            rows=Polynomial.of([sizes.along(name, 0)]),
            table=table,
            notes=sum(_RANGE.values()) if ranged else 0,
            entries=sum(entries),
        )

    def _entry(self, name: str, shape: tuple[int, ...]) -> int:
        """Characters of an entry of the header, with the comma in front of it."""
        offset = "9" * self._digits
        sides = ",".join(map(str, shape))
        return len(
            f',"{name}":{{"dtype":"F32","shape":[{sides}],"data_offsets":[{offset},{offset}]}}'
        )


def _unchosen(anatomy: Anatomy, sizes: Sizes, chosen: set[str]) -> Iterator[Term]:
    """Bytes of what is always saved in the precision of the model."""
    yield from (sizes.term(name, _FLOAT) for name in anatomy.shapes if name not in chosen)
    yield from (sizes.term(name, buffer.itemsize) for name, buffer in anatomy.buffers.items())

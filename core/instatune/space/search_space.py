"""SearchSpace: the genes, the rule of which layers stay, and all conversions between spellings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import SpaceError
from instatune.space.architecture import Architecture
from instatune.space.gene import Gene
from instatune.space.polynomial import Polynomial

Genotypes = NDArray[np.int64]
"""Choice indices ``[rows, genes]``; a row is one spelling of a network."""

FULL_BITS = 32
"""Bits of a module that is not quantized."""

FEWEST_BITS = 2
"""Bits that a weight has at least: with a single one it could not be zero."""


def _pairs(value: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        sorted(
            (key, tuple(item) if isinstance(item, (list, tuple)) else item)
            for key, item in dict(value).items()
        )
    )


@attrs.frozen(kw_only=True, slots=False)
class SearchSpace:
    """All architectures that the genes allow.

    Attributes:
        genes: In a fixed order: the columns of genotypes.
        priority: For each stack its layers from the last to be dropped to the first; keeping d
            layers keeps the first d of it, in their original order.
        full_units: Units of every group in the full model, for groups that no gene sets too.
    """

    genes: tuple[Gene, ...]
    priority: tuple[tuple[str, tuple[int, ...]], ...] = attrs.field(converter=_pairs)
    full_units: tuple[tuple[str, int], ...] = attrs.field(converter=_pairs)

    # sizes

    @cached_property
    def cardinalities(self) -> NDArray[np.int64]:
        """Number of choices of each gene, ``[genes]``."""
        return np.array([len(gene.choices) for gene in self.genes], dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """Number of distinct architectures."""
        depth_genes = [gene for gene in self.genes if gene.effect == "depth"]
        choices = [(gene.targets, gene.choices) for gene in depth_genes]
        rigid = {stack for stack, _ in self.priority} - {t for g in depth_genes for t in g.targets}
        choices += [((stack,), (len(dict(self.priority)[stack]),)) for stack in rigid]
        return prod(
            len(gene.choices)
            for gene in self.genes
            if gene.layer is None and gene.effect != "depth"
        ) * prod(
            sum(prod(self._variants(stack, count) for stack in stacks) for count in counts)
            for stacks, counts in choices
        )

    def _variants(self, stack: str, count: int) -> int:
        """Number of ways to choose the genes of the ``count`` layers that stay."""
        kept = dict(self.priority)[stack][:count]
        return prod(len(g.choices) for g in self.genes if g.stack == stack and g.layer in kept)

    # particular architectures

    @cached_property
    def largest(self) -> Architecture:
        """Every gene at its largest choice."""
        return self.decode(self.cardinalities[None] - 1)[0]

    @cached_property
    def smallest(self) -> Architecture:
        """Every gene at its smallest choice."""
        return self.decode(np.zeros((1, len(self.genes)), dtype=np.int64))[0]

    def architecture(self, values: Mapping[str, int]) -> Architecture:
        """Check values and drop those of inactive genes.

        Args:
            values: Value by gene name. A missing gene gets its largest choice.

        Raises:
            SpaceError: An unknown gene, or a value that is not among its choices.
        """
        return self.decode(self.encode_values(values)[None])[0]

    def sample(self, rng: np.random.Generator, count: int) -> Genotypes:
        """Draw genotypes, each gene uniformly (the paper's reading), canonical.

        Returns:
            ``[count, genes]``.
        """
        return self.canonical(rng.integers(0, self.cardinalities, (count, len(self.genes))))

    # spellings

    def encode_values(self, values: Mapping[str, int]) -> NDArray[np.int64]:
        """One row of choice indices for a mapping of values; see :meth:`architecture`."""
        unknown = sorted(set(values) - {gene.name for gene in self.genes})
        if unknown:
            raise SpaceError(
                f"no gene is called {unknown[0]!r}; there are {[g.name for g in self.genes]}"
            )
        row = self.cardinalities - 1
        for column, gene in enumerate(self.genes):
            if gene.name not in values:
                continue
            if values[gene.name] not in gene.choices:
                raise SpaceError(
                    f"{gene.name} = {values[gene.name]} is not in {list(gene.choices)}"
                )
            row[column] = gene.choices.index(values[gene.name])
        return row

    def encode(self, architectures: list[Architecture] | tuple[Architecture, ...]) -> Genotypes:
        """Genotypes ``[rows, genes]``; inactive genes stand at their largest choice."""
        rows = [self.encode_values(architecture.as_dict()) for architecture in architectures]
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(self.genes))

    def decode(self, genotypes: Genotypes) -> list[Architecture]:
        """Canonical architectures of ``[rows, genes]`` choice indices."""
        active = self.active(genotypes)
        return [
            Architecture({g.name: g.choices[row[j]] for j, g in enumerate(self.genes) if mask[j]})
            for row, mask in zip(np.asarray(genotypes), active, strict=True)
        ]

    def canonical(self, genotypes: Genotypes) -> Genotypes:
        """Set inactive genes to their largest choice, so equal networks are equal rows."""
        return np.where(self.active(genotypes), genotypes, self.cardinalities - 1)

    def active(self, genotypes: Genotypes) -> NDArray[np.bool_]:
        """Which genes have a meaning, ``[rows, genes]``: those of dropped layers have none."""
        mask = np.ones(np.shape(genotypes), dtype=bool)
        for column, gene in enumerate(self.genes):
            if gene.stack is not None and gene.layer is not None:
                mask[:, column] = self.kept(genotypes, (gene.stack, gene.layer))
        return mask

    def features(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """One-hot columns of all choices, zero for inactive genes, ``[rows, sum of choices]``."""
        active = self.active(genotypes)
        blocks = [
            (genotypes[:, [column]] == np.arange(count)) & active[:, [column]]
            for column, count in enumerate(self.cardinalities)
        ]
        return np.concatenate(blocks, axis=1).astype(np.float64)

    # meaning

    def kept(self, genotypes: Genotypes, home: tuple[str, int]) -> NDArray[np.bool_]:
        """Whether a layer of a stack is kept, ``[rows]``."""
        stack, layer = home
        rank = dict(self.priority)[stack].index(layer)
        column = self._depth_columns.get(stack)
        if column is None:
            return np.ones(len(genotypes), dtype=bool)
        return np.asarray(np.array(self.genes[column].choices)[genotypes[:, column]] > rank)

    def units(self, genotypes: Genotypes, group: str) -> NDArray[np.float64]:
        """Kept units of a group, ``[rows]``."""
        column = self._width_columns.get(group)
        if column is None:
            return np.full(len(genotypes), float(dict(self.full_units)[group]))
        return np.array(self.genes[column].choices, dtype=np.float64)[genotypes[:, column]]

    def bits(self, genotypes: Genotypes, module: str) -> NDArray[np.float64]:
        """Bits of a module of the full model, ``[rows]``; 32 where no gene sets them."""
        column = self._bits_columns.get(module)
        if column is None:
            return np.full(len(genotypes), float(FULL_BITS))
        return np.array(self.genes[column].choices, dtype=np.float64)[genotypes[:, column]]

    def count(self, polynomial: Polynomial, genotypes: Genotypes) -> NDArray[np.float64]:
        """Evaluate an exact count for a population, ``[rows]``."""
        return polynomial.evaluate(
            lambda group: self.units(genotypes, group),
            lambda home: self.kept(genotypes, home),
            len(genotypes),
        )

    def kept_layers(self, architecture: Architecture) -> dict[str, tuple[int, ...]]:
        """Kept layers of every stack, in their original order."""
        depth = {t: g.name for g in self.genes if g.effect == "depth" for t in g.targets}
        return {
            stack: tuple(sorted(order[: architecture[depth[stack]]] if stack in depth else order))
            for stack, order in self.priority
        }

    def kept_bits(self, architecture: Architecture) -> dict[str, int]:
        """Bits of the modules of the full model whose gene is active and gives less than 32."""
        return {
            target: architecture[gene.name]
            for gene in self.genes
            if gene.effect == "bits" and architecture.get(gene.name, FULL_BITS) != FULL_BITS
            for target in gene.targets
        }

    def kept_units(self, architecture: Architecture) -> dict[str, int]:
        """Kept units of every group; groups of dropped layers stand at full size."""
        units = dict(self.full_units)
        for gene in self.genes:
            if gene.effect == "width" and gene.name in architecture:
                units.update(dict.fromkeys(gene.targets, architecture[gene.name]))
        return units

    @cached_property
    def _depth_columns(self) -> dict[str, int]:
        return {t: j for j, g in enumerate(self.genes) if g.effect == "depth" for t in g.targets}

    @cached_property
    def _width_columns(self) -> dict[str, int]:
        return {t: j for j, g in enumerate(self.genes) if g.effect == "width" for t in g.targets}

    @cached_property
    def _bits_columns(self) -> dict[str, int]:
        return {t: j for j, g in enumerate(self.genes) if g.effect == "bits" for t in g.targets}

    # files

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Read back what :meth:`as_dict` wrote."""
        genes = tuple(
            Gene(**{**gene, "choices": tuple(gene["choices"]), "targets": tuple(gene["targets"])})
            for gene in data["genes"]
        )
        return cls(
            genes=genes, priority=dict(data["priority"]), full_units=dict(data["full_units"])
        )

"""Search spaces of the tiny transformer."""

from __future__ import annotations

import attrs

from instatune.space import Gene, SearchSpace
from instatune.space.policy import module_of, weighted
from instatune.testing.fakes.description import TinySizes, anatomy


def space(sizes: TinySizes | None = None) -> SearchSpace:
    """Space over depth, heads and neurons of the tiny transformer.

    Depth is 1 to all layers; each layer keeps a half or all of its heads, and a quarter, a half or
    all of its neurons.
    """
    sizes = sizes or TinySizes()
    genes = [
        Gene(
            name="depth",
            choices=tuple(range(1, sizes.layers + 1)),
            effect="depth",
            targets=("layers",),
        )
    ]
    for i in range(sizes.layers):
        halves = (sizes.heads // 2, sizes.heads)
        quarters = (sizes.ffn // 4, sizes.ffn // 2, sizes.ffn)
        genes += [_width(f"heads.{i}", halves, i), _width(f"ffn.{i}", quarters, i)]
    units = {group.name: group.units for group in anatomy(sizes).groups}
    priority = {"layers": tuple(range(sizes.layers))}
    return SearchSpace(genes=tuple(genes), priority=priority, full_units=units)


def space_with_bits(sizes: TinySizes | None = None) -> SearchSpace:
    """The same space with 8, 16 or 32 bits for each linear map, and for both tables together."""
    whole, described = space(sizes), anatomy(sizes)
    tables = tuple(map(module_of, described.embeddings))
    together = [tables, *((name,) for name in weighted(described) if name not in tables)]
    genes = [*whole.genes]
    for modules in together:
        stack, layer = described.stack_of(modules[0]) or (None, None)
        genes.append(
            Gene(
                name=f"bits.{modules[0]}",
                choices=(8, 16, 32),
                effect="bits",
                targets=modules,
                stack=stack,
                layer=layer,
            )
        )
    return attrs.evolve(whole, genes=tuple(genes))


def single_space() -> SearchSpace:
    """A space with one architecture: nothing to choose."""
    return attrs.evolve(
        space(), genes=tuple(attrs.evolve(g, choices=g.choices[-1:]) for g in space().genes)
    )


def _width(name: str, choices: tuple[int, ...], layer: int) -> Gene:
    return Gene(
        name=name, choices=choices, effect="width", targets=(name,), stack="layers", layer=layer
    )

"""Which numbers of a network count layers, and which belong to the layers that they count."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from instatune.space import Gene, SearchSpace

_COUNTER = re.compile(r"(?P<side>(.*_)?)(d|depth|num_layers|layer_num)")

Depth: TypeAlias = "Mapping[str, tuple[tuple[str, ...], ...]]"
"""For each gene that counts layers the genes of each of its layers, the last dropped first."""


def find_depth(lengths: Mapping[str, int], choices: Mapping[str, Sequence[int]]) -> Depth:
    """Find the layers by their names and numbers.

    A key such as ``d`` with n numbers of up to m counts layers. It owns each list of n times m
    numbers, cut into n parts, whose key begins as its own does: ``encoder_layer_num`` owns
    ``encoder_ffn_embed_dim`` but not ``decoder_ffn_embed_dim``.

    Args:
        lengths: Length of the list under each key.
        choices: Values of each gene, ascending.

    Returns:
        Only counters that own a list: other numbers called so are no depths.
    """
    depth: dict[str, tuple[tuple[str, ...], ...]] = {}
    for key, count in lengths.items():
        match = _COUNTER.fullmatch(key)
        if match is None:
            continue
        counters = [_name(key, index, count) for index in range(count)]
        most = max(choices[counter][-1] for counter in counters)
        owned = [
            other
            for other, length in lengths.items()
            if other != key and length == count * most and other.startswith(match["side"])
        ]
        if not owned or count * most < 2:  # a single number belongs to no layer
            continue
        for part, counter in enumerate(counters):
            layers = range(part * most, (part + 1) * most)
            depth[counter] = tuple(tuple(f"{other}.{at}" for other in owned) for at in layers)
    return depth


def without_dropped(values: Mapping[str, int], depth: Depth) -> dict[str, int]:
    """Leave out the genes of layers that a network does not have: they say nothing."""
    dropped = {
        gene
        for counter, layers in depth.items()
        for genes in layers[values[counter] :]
        for gene in genes
    }
    return {name: value for name, value in values.items() if name not in dropped}


def make_space(choices: Mapping[str, Sequence[int]], depth: Depth) -> SearchSpace:
    """The space of all choices; genes of dropped layers have no meaning."""
    homes = {
        gene: (counter, layer)
        for counter, layers in depth.items()
        for layer, genes in enumerate(layers)
        for gene in genes
    }
    genes = [
        Gene(
            name=name,
            choices=tuple(values),
            effect="depth" if name in depth else "width",
            targets=(name,),
            stack=homes[name][0] if name in homes else None,
            layer=homes[name][1] if name in homes else None,
        )
        for name, values in choices.items()
    ]
    return SearchSpace(
        genes=tuple(genes),
        priority={name: tuple(range(len(layers))) for name, layers in depth.items()},
        full_units={name: values[-1] for name, values in choices.items()},
    )


def _name(key: str, index: int, count: int) -> str:
    return key if count == 1 else f"{key}.{index}"

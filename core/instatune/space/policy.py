"""Policies: which modules of a network compute with how many bits.

Genes name the modules of the *full* model; a network numbers its layers from 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from instatune.space.anatomy import Anatomy
from instatune.space.architecture import Architecture
from instatune.space.search_space import SearchSpace


def weighted(anatomy: Anatomy) -> tuple[str, ...]:
    """Modules whose bits can be chosen: those with MACs, then look-up tables, each once."""
    weights = (*(work.weight for work in anatomy.work), *anatomy.embeddings)
    return tuple(dict.fromkeys(module_of(weight) for weight in weights))


def module_of(weight: str) -> str:
    """Module that owns a tensor of the state dict."""
    return weight.rpartition(".")[0]


def policy_of(space: SearchSpace, anatomy: Anatomy, architecture: Architecture) -> dict[str, int]:
    """Bits by module name as the network numbers its layers; only those of less than 32."""
    kept = space.kept_layers(architecture)
    bits = space.kept_bits(architecture)
    homes = {module: anatomy.stack_of(module) for module in bits}
    return {
        renumbered(module, anatomy, kept): bits[module]
        for module, home in homes.items()
        # One gene may set modules of all layers.
        if home is None or home[1] in kept[home[0]]
    }


def renumbered(module: str, anatomy: Anatomy, kept: Mapping[str, tuple[int, ...]]) -> str:
    """Name of a module of the full model in a network that keeps these layers of each stack."""
    for stack in anatomy.stacks:
        prefix = stack.path + "."
        if module.startswith(prefix):
            layer, dot, rest = module[len(prefix) :].partition(".")
            return f"{prefix}{kept[stack.name].index(int(layer))}{dot}{rest}"
    return module


def structure_of(space: SearchSpace, architecture: Architecture) -> Architecture:
    """The same network in full precision; networks that share it share activation ranges."""
    values = architecture.as_dict()
    full = {gene.name: gene.choices[-1] for gene in space.genes if gene.effect == "bits"}
    return Architecture({name: full.get(name, value) for name, value in values.items()})


def without_bits(space: SearchSpace) -> SearchSpace:
    """The space of the elastic dimensions alone."""
    return attrs.evolve(space, genes=tuple(g for g in space.genes if g.effect != "bits"))

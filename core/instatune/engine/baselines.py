"""Baselines: networks of the same super-network that anybody could name without a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from instatune.engine.quantization import Bits
from instatune.interfaces import Problem
from instatune.space import Architecture, SearchSpace

_STEPS = 5  # sizes of the uniform shrink, from smallest to largest


def reference_networks(space: SearchSpace) -> dict[str, list[Architecture]]:
    """Networks to compare with, by role.

    Returns:
        ``largest``, ``smallest``; ``quantized``: the largest one in INT8; ``uniform``: every
        gene shrunk by the same share, alike in each layer; ``first_layers``: full width, fewer
        layers. Bits are full but where something else is said.
    """
    networks = {
        "largest": [space.largest],
        "smallest": [space.smallest],
        "quantized": [space.architecture(Bits(space).usual)],
        "uniform": [_uniform(space, step / (_STEPS - 1)) for step in range(1, _STEPS - 1)],
        "first_layers": _shallow(space),
    }
    return _without_repeats(networks)


def first_networks(problem: Problem) -> tuple[Architecture, ...]:
    """Networks that a search begins with: those of the problem, and where bits are searched more.

    Sizes largest, middle and smallest, each in INT8, in full precision, in INT8 but at both ends,
    and with all bits at their lowest: what the ends of the front look like is then no luck.
    """
    space, bits = problem.space, Bits(problem.space)
    if not bits.genes:
        return problem.initial
    sizes = (space.largest.as_dict(), _uniform(space, 0.5).as_dict(), space.smallest.as_dict())
    policies = (bits.usual, bits.high, bits.guarded, bits.low)
    made = (_with(space, size, policy) for size in sizes for policy in policies)
    return tuple(dict.fromkeys((*problem.initial, *_feasible(problem, made))))


def _feasible(problem: Problem, networks: Iterable[Architecture]) -> list[Architecture]:
    found = list(networks)
    kept = np.flatnonzero(problem.violation(problem.space.encode(found)) <= 0)
    return [found[index] for index in kept]


def _with(space: SearchSpace, size: Mapping[str, int], policy: Mapping[str, int]) -> Architecture:
    return space.architecture({**size, **policy})


def _uniform(space: SearchSpace, share: float) -> Architecture:
    values = {g.name: g.choices[round(share * (len(g.choices) - 1))] for g in space.genes}
    return space.architecture({**values, **Bits(space).high})


def _shallow(space: SearchSpace) -> list[Architecture]:
    depths = [gene for gene in space.genes if gene.effect == "depth"]
    return [space.architecture({g.name: c}) for g in depths for c in g.choices[:-1]]


def _without_repeats(networks: dict[str, list[Architecture]]) -> dict[str, list[Architecture]]:
    seen: set[str] = set()
    kept: defaultdict[str, list[Architecture]] = defaultdict(list)
    for role, architectures in networks.items():
        for architecture in architectures:
            if architecture.key not in seen:
                seen.add(architecture.key)
                kept[role].append(architecture)
    return dict(kept)

"""Baselines: networks of the same super-network that anybody could name without a search."""

from __future__ import annotations

from collections import defaultdict

from instatune.space import Architecture, SearchSpace

_STEPS = 5  # sizes of the uniform shrink, from smallest to largest


def reference_networks(space: SearchSpace) -> dict[str, list[Architecture]]:
    """Networks to compare with, by role.

    Returns:
        ``largest``, ``smallest``; ``uniform``: every gene shrunk by the same share, alike in each
        layer; ``first_layers``: full width, fewer layers.
    """
    networks = {
        "largest": [space.largest],
        "smallest": [space.smallest],
        "uniform": [_uniform(space, step / (_STEPS - 1)) for step in range(1, _STEPS - 1)],
        "first_layers": _shallow(space),
    }
    return _without_repeats(networks)


def _uniform(space: SearchSpace, share: float) -> Architecture:
    values = {g.name: g.choices[round(share * (len(g.choices) - 1))] for g in space.genes}
    return space.architecture(values)


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

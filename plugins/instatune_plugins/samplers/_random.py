"""Random draws that samplers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.errors import SpaceError
from instatune.interfaces import Draw

if TYPE_CHECKING:
    import numpy as np

    from instatune.space import SearchSpace


def require_choice(space: SearchSpace, sampler: str) -> None:
    """Refuse a space with nothing to share.

    Raises:
        SpaceError: The space has a single architecture.
    """
    if space.size < 2:
        raise SpaceError(
            f"sampler {sampler} needs at least 2 architectures, the space has {space.size}; "
            "give a dimension more choices"
        )


def random_draws(space: SearchSpace, count: int, rng: np.random.Generator) -> tuple[Draw, ...]:
    """Draw ``count`` networks, each gene uniformly."""
    architectures = space.decode(space.sample(rng, count))
    return tuple(Draw(architecture, "sampled") for architecture in architectures)

"""Which sub-networks are trained in a step."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs.validators import ge

from instatune.plugin import hookimpl
from instatune.plugin.entries import SamplerEntry


@attrs.frozen(kw_only=True)
class UniformConfig:
    """Settings of ``uniform``.

    Attributes:
        n_random: Random networks in each step besides the largest: M of the paper's Equation 1.
    """

    n_random: int = attrs.field(default=1, validator=ge(0))


@attrs.frozen(kw_only=True)
class SandwichConfig:
    """Settings of ``sandwich``.

    Attributes:
        n_random: Random networks in each step besides the largest and the smallest.
    """

    n_random: int = attrs.field(default=2, validator=ge(0))


@hookimpl
def instatune_samplers() -> Iterator[SamplerEntry]:
    """Offer the paper's rule and the sandwich rule."""
    yield SamplerEntry(
        name="uniform",
        target="instatune_plugins.samplers.uniform:Uniform",
        config=UniformConfig,
        draws_largest=True,
        summary="the largest and n uniformly random ones (InstaTune)",
    )
    yield SamplerEntry(
        name="sandwich",
        target="instatune_plugins.samplers.sandwich:Sandwich",
        config=SandwichConfig,
        draws_largest=True,
        summary="the largest, the smallest and n uniformly random ones (BigNAS)",
    )

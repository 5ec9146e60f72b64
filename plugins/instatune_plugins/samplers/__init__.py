"""Which sub-networks are trained in a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, gt, le

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


@attrs.frozen(kw_only=True)
class SortedConfig:
    """Settings of ``sorted``.

    Attributes:
        n_random: Networks in each step.
        grid: ``plane``: depth and width have a level each. ``line``: both have the same.
    """

    n_random: int = attrs.field(default=2, validator=ge(1))
    grid: Literal["plane", "line"] = "plane"


@attrs.frozen(kw_only=True)
class AttentiveConfig:
    """Settings of ``attentive``.

    Attributes:
        mode: ``best_up`` trains the candidate of the lowest loss, ``worst_up`` of the highest.
        candidates: Networks of like MACs that are compared for each one that is trained.
        n_random: Networks in each step besides the largest and the smallest.
        bins: Into how many equal parts the range of MACs is divided.
        target: Which MACs: ``prior``, as those of uniformly random networks; ``uniform`` over bins.
    """

    mode: Literal["best_up", "worst_up"] = "best_up"
    candidates: int = attrs.field(default=3, validator=ge(2))
    n_random: int = attrs.field(default=2, validator=ge(1))
    bins: int = attrs.field(default=25, validator=ge(1))
    target: Literal["prior", "uniform"] = "prior"


@attrs.frozen(kw_only=True)
class ProgressiveConfig:
    """Settings of ``progressive``.

    Attributes:
        n_random: Random networks in each step besides the largest.
        opens: Dimensions in the order in which they open; those left out follow in the order of the
            space.
        until: Share of the training after which everything is open.
    """

    n_random: int = attrs.field(default=1, validator=ge(1))
    opens: tuple[str, ...] = ()
    until: float = attrs.field(default=0.75, validator=[gt(0.0), le(1.0)])


@attrs.frozen(kw_only=True)
class MacsBalancedConfig:
    """Settings of ``macs_balanced``.

    Attributes:
        n_random: Networks in each step besides the largest.
        bins: Into how many equal parts the range of MACs is divided.
    """

    n_random: int = attrs.field(default=1, validator=ge(1))
    bins: int = attrs.field(default=25, validator=ge(1))


@hookimpl
def instatune_samplers() -> Iterator[SamplerEntry]:
    """Offer the paper's rule and those of its relatives."""
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
    yield SamplerEntry(
        name="sorted",
        target="instatune_plugins.samplers.sorted:Sorted",
        config=SortedConfig,
        draws_largest=False,
        summary="nested truncations shared by all layers (SortedNet)",
    )
    yield SamplerEntry(
        name="single_path",
        target="instatune_plugins.samplers.single_path:SinglePath",
        draws_largest=False,
        summary="one uniformly random network, the cheapest rule (SPOS)",
    )
    yield SamplerEntry(
        name="attentive",
        target="instatune_plugins.samplers.attentive:Attentive",
        config=AttentiveConfig,
        draws_largest=True,
        summary="the largest, the smallest and the best or worst of like size (AttentiveNAS)",
    )
    yield SamplerEntry(
        name="progressive",
        target="instatune_plugins.samplers.progressive:Progressive",
        config=ProgressiveConfig,
        draws_largest=True,
        summary="the largest and random ones, smaller choices open over time (Once-for-All)",
    )
    yield SamplerEntry(
        name="macs_balanced",
        target="instatune_plugins.samplers.macs_balanced:MacsBalanced",
        config=MacsBalancedConfig,
        draws_largest=True,
        summary="the largest and random ones of all sizes alike",
    )

"""What can become elastic: number of layers, heads of attention, neurons of the FFN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge

from instatune.plugin import hookimpl
from instatune.plugin.entries import DimensionEntry


@attrs.frozen(kw_only=True)
class DepthConfig:
    """Settings of ``depth``.

    Attributes:
        choices: Numbers of layers that may be kept, in any order, e.g. ``[6, 8, 12]``.
        ratio: The same as shares of the layers of the full model, e.g. ``[0.5, 1.0]``; rounded to
            whole layers. Adds to ``choices``.
        drop: Which layers go: ``first`` keeps the first ones, as the paper does; ``ranked`` drops
            the layer that is missed least, one after the other.
    """

    choices: tuple[int, ...] = ()
    ratio: tuple[float, ...] = ()
    drop: Literal["first", "ranked"] = "first"


@attrs.frozen(kw_only=True)
class WidthConfig:
    """Settings of ``heads``, ``kv_groups`` and ``ffn``.

    Attributes:
        choices: Numbers of units that may be kept, in any order, e.g. ``[6, 8, 12]``.
        ratio: The same as shares of the full model's units, e.g. ``[0.5, 1.0]``. Adds to
            ``choices``.
        per: One choice for each ``layer``, or one choice for the whole ``model``.
        divisor: Ratios are rounded to a multiple of this, for hardware that likes round sizes.
    """

    choices: tuple[int, ...] = ()
    ratio: tuple[float, ...] = ()
    per: Literal["layer", "model"] = "layer"
    divisor: int = attrs.field(default=1, validator=ge(1))


@hookimpl
def instatune_dimensions() -> Iterator[DimensionEntry]:
    """Offer depth, heads and FFN width."""
    yield DimensionEntry(
        name="depth",
        target="instatune_plugins.dimensions.depth:Depth",
        config=DepthConfig,
        effect="depth",
        summary="number of layers",
    )
    yield DimensionEntry(
        name="heads",
        target="instatune_plugins.dimensions.heads:Heads",
        config=WidthConfig,
        effect="width",
        summary="attention heads, per layer or for the whole model",
    )
    yield DimensionEntry(
        name="kv_groups",
        target="instatune_plugins.dimensions.kv_groups:KvGroups",
        config=WidthConfig,
        effect="width",
        summary="key-value heads with their query heads, where decoders share them (GQA)",
    )
    yield DimensionEntry(
        name="ffn",
        target="instatune_plugins.dimensions.ffn:FeedForward",
        config=WidthConfig,
        effect="width",
        summary="neurons of the feed-forward network, per layer or for the whole model",
    )

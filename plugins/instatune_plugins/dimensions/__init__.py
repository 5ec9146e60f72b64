"""What can become elastic: number of layers, heads, neurons, the hidden size, bits of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from attrs.validators import ge

from instatune.plugin import hookimpl
from instatune.plugin.entries import DimensionEntry
from instatune.plugin.settings import NEWER


@attrs.frozen(kw_only=True)
class DepthConfig:
    """Settings of ``depth``.

    Attributes:
        choices: Numbers of layers that may be kept, in any order, e.g. ``[6, 8, 12]``.
        ratio: The same as shares of the layers of the full model, e.g. ``[0.5, 1.0]``; rounded to
            whole layers. Adds to ``choices``.
        drop: Which layers go: ``first`` keeps the first ones, as the paper does; ``every_other``
            keeps layers that are spread evenly; ``ranked`` drops the layer that is missed least,
            one after the other.
        stacks: Numbers of layers for single stacks by name, e.g. ``{layer1: [2, 3]}``, where a
            model has several; ``choices`` and ``ratio`` hold for the others, which stay whole if
            neither is given.
    """

    choices: tuple[int, ...] = ()
    ratio: tuple[float, ...] = ()
    drop: Literal["first", "every_other", "ranked"] = "first"
    stacks: Mapping[str, tuple[int, ...]] | None = attrs.field(default=None, metadata={NEWER: True})


def _alone(config: WidthConfig, attribute: attrs.Attribute[Any], value: int) -> None:
    if value < 0:
        raise ValueError(f"'auto' must be >= 0: {value}")
    if value and (config.choices or config.ratio):
        raise ValueError("finds the values itself; leave out choices and ratio, or leave out auto")


def _shares(
    config: WidthConfig, attribute: attrs.Attribute[Any], value: tuple[float, float]
) -> None:
    if not 0.0 < value[0] <= value[1] <= 1.0:
        raise ValueError(
            "must be two shares of the full model's MACs, the smaller one first, e.g. [0.4, 1.0], "
            f"not {list(value)}"
        )


@attrs.frozen(kw_only=True)
class WidthConfig:
    """Settings of ``heads``, ``kv_groups`` and ``ffn``.

    Attributes:
        choices: Numbers of units that may be kept, in any order, e.g. ``[6, 8, 12]``. For ``ffn``
            0 leaves the whole network of the layer out, but for the bias of its output, where the
            model allows that.
        ratio: The same as shares of the full model's units, e.g. ``[0.5, 1.0]``. Adds to
            ``choices``.
        per: One choice for each ``layer``, or one choice for the whole ``model``.
        divisor: Ratios are rounded to a multiple of this, for hardware that likes round sizes.
        auto: Instead of ``choices`` and ``ratio``: find the values by the importance of the units,
            from this number of networks. A threshold on importance, the same for all layers and
            dimensions with ``auto``, makes each. Until the units are ordered, evenly spaced ratios
            stand in. 0: off.
        auto_range: MACs of the smallest and the largest of these networks, as shares of the full
            model's.
    """

    choices: tuple[int, ...] = ()
    ratio: tuple[float, ...] = ()
    per: Literal["layer", "model"] = "layer"
    divisor: int = attrs.field(default=1, validator=ge(1))
    auto: int = attrs.field(default=0, validator=_alone, metadata={NEWER: True})
    auto_range: tuple[float, float] = attrs.field(
        default=(0.4, 1.0), validator=_shares, metadata={NEWER: True}
    )


@attrs.frozen(kw_only=True)
class EmbedConfig:
    """Settings of ``embed``.

    Attributes:
        choices: Hidden sizes, in any order, e.g. ``[512, 640, 768]``.
        ratio: The same as shares of the full model's, e.g. ``[0.75, 1.0]``. Adds to ``choices``.
        divisor: Ratios are rounded to a multiple of this, for hardware that likes round sizes.
    """

    choices: tuple[int, ...] = ()
    ratio: tuple[float, ...] = ()
    divisor: int = attrs.field(default=1, validator=ge(1))


@attrs.frozen(kw_only=True)
class BitsConfig:
    """Settings of ``bits``.

    Attributes:
        choices: Bits of weights and of what they multiply, from 2 to 32, in any order, e.g.
            ``[8, 32]``. 32 is the precision of the model and must be among them. The quantizer
            says which others it offers.
        per: One choice for each ``linear`` map, or one for each ``block``, that is for attention
            and for the feed-forward network of each layer, or for each ``layer``, or for the whole
            ``model``. Modules outside of layers have their own, but for the last.
        embeddings: Bits of the look-up tables, one choice for all of them together; ``[32]`` leaves
            them alone.
        skip: Modules that stay in full precision: names, or patterns such as ``*.pooler.*``.
    """

    choices: tuple[int, ...] = (8, 32)
    per: Literal["linear", "block", "layer", "model"] = "linear"
    embeddings: tuple[int, ...] = (8, 32)
    skip: tuple[str, ...] = ()


@hookimpl
def instatune_dimensions() -> Iterator[DimensionEntry]:
    """Offer depth, heads, FFN width, hidden size and bits."""
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
    yield DimensionEntry(
        name="embed",
        target="instatune_plugins.dimensions.embed:Embed",
        config=EmbedConfig,
        effect="width",
        stability="experimental",
        summary="hidden size: width of the residual stream, for the whole model",
    )
    yield DimensionEntry(
        name="channels",
        target="instatune_plugins.dimensions.channels:Channels",
        config=WidthConfig,
        effect="width",
        summary="inner channels of residual blocks, per block or for the whole model",
    )
    yield DimensionEntry(
        name="bits",
        target="instatune_plugins.dimensions.bits:Bits",
        config=BitsConfig,
        effect="bits",
        summary="bits of weights and activations, per linear map, block, layer or model",
    )

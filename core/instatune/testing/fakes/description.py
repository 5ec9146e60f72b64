"""What there is to know of the tiny transformer: its sizes and its anatomy."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work


@attrs.frozen(kw_only=True)
class TinySizes:
    """Sizes of the tiny transformer.

    Attributes:
        layers: Layers.
        hidden: Width of the residual stream.
        heads: Attention heads of each layer.
        head: Width of one head.
        ffn: Neurons of each feed-forward network.
        vocabulary: Number of different tokens.
        tokens: Longest input.
        classes: Outputs.
    """

    layers: int = 3
    hidden: int = 16
    heads: int = 4
    head: int = 4
    ffn: int = 32
    vocabulary: int = 300
    tokens: int = 64
    classes: int = 3


def anatomy(sizes: TinySizes | None = None) -> Anatomy:
    """Anatomy of the tiny transformer: 3 layers of 4 heads and 32 neurons by default."""
    sizes = sizes or TinySizes()
    layers = range(sizes.layers)
    shapes = _shapes(sizes)
    return Anatomy(
        family="tiny",
        stacks=(
            Stack(
                name="layers", path="layers", layers=sizes.layers, count_attributes=("n_layers",)
            ),
        ),
        groups=(*(_heads(sizes, i) for i in layers), *(_ffn(sizes, i) for i in layers)),
        shapes=shapes,
        work=tuple(
            Work(name, tokens_power=0 if name.startswith("classifier") else 1)
            for name, shape in shapes.items()
            if len(shape) == 2 and not name.startswith("embed")
        ),
        attentions=tuple(
            Attention(
                f"heads.{i}",
                sizes.head,
                projections=tuple(f"layers.{i}.{name}" for name in ("query", "key", "value")),
            )
            for i in layers
        ),
        embeddings=("embed.weight", "embed_positions.weight"),
        tokens=8,
        max_tokens=sizes.tokens,
    )


def _heads(sizes: TinySizes, layer: int) -> Group:
    root, unit = f"layers.{layer}", sizes.head
    outgoing = Cut(f"{root}.out.weight", 1, unit)
    return Group(
        name=f"heads.{layer}",
        kind="heads",
        units=sizes.heads,
        cuts=(
            *_rows(f"{root}.query", unit),
            *_rows(f"{root}.key", unit),
            *_rows(f"{root}.value", unit),
            outgoing,
        ),
        outgoing=outgoing,
        attributes=(Attribute(f"{root}.n_heads"),),
        stack="layers",
        layer=layer,
    )


def _ffn(sizes: TinySizes, layer: int) -> Group:
    outgoing = Cut(f"layers.{layer}.down.weight", 1)
    return Group(
        name=f"ffn.{layer}",
        kind="ffn",
        units=sizes.ffn,
        cuts=(*_rows(f"layers.{layer}.up", 1), outgoing),
        outgoing=outgoing,
        stack="layers",
        layer=layer,
    )


def _rows(linear: str, unit: int) -> tuple[Cut, Cut]:
    return Cut(f"{linear}.weight", 0, unit), Cut(f"{linear}.bias", 0, unit)


def _shapes(sizes: TinySizes) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (sizes.vocabulary, sizes.hidden),
        "embed_positions.weight": (sizes.tokens, sizes.hidden),
    }
    for layer in range(sizes.layers):
        shapes.update({f"layers.{layer}.{name}": shape for name, shape in _layer_shapes(sizes)})
    shapes["classifier.weight"] = (sizes.classes, sizes.hidden)
    shapes["classifier.bias"] = (sizes.classes,)
    return shapes


def _layer_shapes(sizes: TinySizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    wide = sizes.heads * sizes.head
    sides = {
        "query": (wide, sizes.hidden),
        "key": (wide, sizes.hidden),
        "value": (wide, sizes.hidden),
        "out": (sizes.hidden, wide),
        "up": (sizes.ffn, sizes.hidden),
        "down": (sizes.hidden, sizes.ffn),
    }
    for norm in ("norm_attention", "norm_ffn"):
        yield f"{norm}.weight", (sizes.hidden,)
        yield f"{norm}.bias", (sizes.hidden,)
    for linear, shape in sides.items():
        yield f"{linear}.weight", shape
        yield f"{linear}.bias", shape[:1]

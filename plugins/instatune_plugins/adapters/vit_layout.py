"""The anatomy of vision transformers, from names and shapes of their tensors. Light: no torch.

Two libraries name the same parts differently: timm fuses query, key and value into one weight,
transformers keeps them apart. A layout says for each module of a layer whether it writes or reads
heads or FFN neurons; all else follows from the shapes. LayerNorms inside attention and FFN, as
BEiT-3 has them (Wang et al., CVPR 2023), are cut with the units that they normalise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from instatune.space import Anatomy, Attention, Stack
from instatune_plugins.adapters.vit_reader import Reader

Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"


@attrs.frozen
class Part:
    """A module of a layer, or a parameter that no module of its own holds.

    Attributes:
        kind: Units that lie in it; None if it is as wide as the hidden state, or as a head.
        reads: Whether it is the linear map that reads the units: they lie along its inputs.
        blocks: How often the run of units is repeated along the outputs; 0: as often as fits.
        axis: Where the units lie.
        hidden: Axis of channels of the hidden state in a weight of two axes, in others the only
            one; None if there are none.
    """

    kind: Literal["heads", "ffn"] | None = None
    reads: bool = False
    blocks: int = 1
    axis: int = 0
    hidden: int | None = None


@attrs.frozen(kw_only=True)
class Layout:
    """Names of one library.

    Attributes:
        layers: Dotted path of the list of layers.
        parts: What may stand in a layer, by its path in it.
        fixed: Modules and parameters outside of layers that are never cut and cost no MACs.
        patches: Module of the patch embedding, a convolution without overlap.
        heads: Classifiers, which read one position.
        attributes: Numbers that follow the heads, by path in a layer: True if in head sizes.
        projections: Modules of a layer that give queries, keys and values.
        norms: Norms of a layer across the hidden state; without their weights its width is fixed.
        widths: Numbers of the model that are the width of the hidden state.
    """

    layers: str
    parts: Mapping[str, Part]
    fixed: frozenset[str]
    patches: str
    heads: tuple[str, ...]
    attributes: Mapping[str, bool]
    projections: tuple[str, ...]
    norms: tuple[str, ...]
    widths: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Numbers:
    """What shapes do not tell.

    Attributes:
        layers: Layers of the model.
        heads: Heads of a layer.
        head_size: Width of a head.
        patches: Patches of an image.
        tokens: Patches and class tokens.
    """

    layers: int
    heads: int
    head_size: int
    patches: int
    tokens: int


_READS_HEADS = Part("heads", reads=True, axis=1, hidden=0)
_READS_FFN = Part("ffn", reads=True, axis=1, hidden=0)
_HEADS, _FFN, _HIDDEN = Part("heads", hidden=1), Part("ffn", hidden=1), Part(hidden=0)

TIMM = Layout(
    layers="blocks",
    parts={
        **dict.fromkeys(("norm1", "norm2", "ls1", "ls2"), _HIDDEN),
        **dict.fromkeys(("attn.q_norm", "attn.k_norm"), Part()),
        "attn.qkv": attrs.evolve(_HEADS, blocks=3),
        **dict.fromkeys(("attn.norm", "attn.gate"), _HEADS),
        "attn.proj": _READS_HEADS,
        # Twice as wide where half of it gates the other half.
        "mlp.fc1": attrs.evolve(_FFN, blocks=0),
        **dict.fromkeys(("mlp.fc1_g", "mlp.fc1_x", "mlp.norm"), _FFN),
        "mlp.fc2": _READS_FFN,
    },
    fixed=frozenset(
        {"cls_token", "dist_token", "reg_token", "pos_embed", "norm_pre", "norm", "fc_norm"}
    ),
    patches="patch_embed.proj",
    heads=("head", "head_dist"),
    attributes={"attn.num_heads": False, "attn.attn_dim": True},
    projections=("attn.qkv",),
    norms=("norm1", "norm2"),
    widths=("embed_dim", "num_features", "head_hidden_size"),
)


def transformers_layout(model_type: str) -> Layout:
    """Names of transformers; all are below the name of the family."""
    fixed = (
        *(f"embeddings.{t}" for t in ("cls_token", "distillation_token", "mask_token")),
        "embeddings.position_embeddings",
        "layernorm",
        "pooler.layernorm",
    )
    return Layout(
        layers=f"{model_type}.layers",
        parts={
            **dict.fromkeys(
                ("layernorm_before", "layernorm_after", "lambda_1", "lambda_2"), _HIDDEN
            ),
            **{f"attention.{name}_proj": _HEADS for name in "qkv"},
            "attention.o_proj": _READS_HEADS,
            "relative_position_bias": Part("heads", axis=1),
            "mlp.fc1": _FFN,
            "mlp.fc2": _READS_FFN,
        },
        fixed=frozenset(f"{model_type}.{name}" for name in fixed),
        patches=f"{model_type}.embeddings.patch_embeddings.projection",
        heads=("classifier",),
        attributes={"attention.num_attention_heads": False},
        projections=tuple(f"attention.{name}_proj" for name in "qkv"),
        norms=("layernorm_before", "layernorm_after"),
    )


def anatomy_of(family: str, layout: Layout, shapes: Shapes, numbers: Numbers) -> Anatomy:
    """Describe a vision transformer.

    Args:
        family: Name for messages.
        layout: Names of its library.
        shapes: Shape of each parameter.
        numbers: What they do not tell.

    Raises:
        CheckpointError: A tensor that a layer must have is missing, or one is not known; named.
    """
    reader = Reader(family, layout, shapes, numbers)
    return Anatomy(
        family=family,
        stacks=(Stack(name="layers", path=layout.layers, layers=numbers.layers),),
        groups=(
            *(group for layer in range(numbers.layers) for group in reader.groups(layer)),
            *reader.stream(),
        ),
        shapes=dict(shapes),
        work=tuple(reader.work()),
        attentions=tuple(
            Attention(
                f"heads.{i}",
                numbers.head_size,
                projections=tuple(f"{layout.layers}.{i}.{path}" for path in layout.projections),
            )
            for i in range(numbers.layers)
        ),
        tokens=numbers.tokens,
        max_tokens=numbers.tokens,
    )


def linear(name: str, inputs: int, outputs: int, *, bias: bool = True) -> Shapes:
    """Shapes of a linear map."""
    return {f"{name}.weight": (outputs, inputs), **({f"{name}.bias": (outputs,)} if bias else {})}


def norm(name: str, size: int) -> Shapes:
    """Shapes of a LayerNorm."""
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}

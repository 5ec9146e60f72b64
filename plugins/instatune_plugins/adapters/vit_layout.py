"""The anatomy of vision transformers, from names and shapes of their tensors. Light: no torch.

Two libraries name the same parts differently: timm fuses query, key and value into one weight,
transformers keeps them apart. A layout says for each module of a layer whether it writes or reads
heads or FFN neurons; all else follows from the shapes. LayerNorms inside attention and FFN, as
BEiT-3 has them (Wang et al., CVPR 2023), are cut with the units that they normalise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import attrs

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work

Shapes = Mapping[str, "tuple[int, ...]"]


@attrs.frozen
class Part:
    """A module of a layer, or a parameter that no module of its own holds.

    Attributes:
        kind: Units that lie in it; None if it is as wide as the hidden state.
        reads: Whether it is the linear map that reads the units: they lie along its inputs.
        blocks: How often the run of units is repeated along the outputs; 0: as often as fits.
        axis: Where the units lie.
    """

    kind: Literal["heads", "ffn"] | None = None
    reads: bool = False
    blocks: int = 1
    axis: int = 0


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
    """

    layers: str
    parts: Mapping[str, Part]
    fixed: frozenset[str]
    patches: str
    heads: tuple[str, ...]
    attributes: Mapping[str, bool]


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


_READS_HEADS, _READS_FFN = Part("heads", reads=True, axis=1), Part("ffn", reads=True, axis=1)

TIMM = Layout(
    layers="blocks",
    parts={
        **dict.fromkeys(("norm1", "norm2", "ls1", "ls2", "attn.q_norm", "attn.k_norm"), Part()),
        "attn.qkv": Part("heads", blocks=3),
        **dict.fromkeys(("attn.norm", "attn.gate"), Part("heads")),
        "attn.proj": _READS_HEADS,
        "mlp.fc1": Part("ffn", blocks=0),  # twice as wide where half of it gates the other half
        **dict.fromkeys(("mlp.fc1_g", "mlp.fc1_x", "mlp.norm"), Part("ffn")),
        "mlp.fc2": _READS_FFN,
    },
    fixed=frozenset(
        {"cls_token", "dist_token", "reg_token", "pos_embed", "norm_pre", "norm", "fc_norm"}
    ),
    patches="patch_embed.proj",
    heads=("head", "head_dist"),
    attributes={"attn.num_heads": False, "attn.attn_dim": True},
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
                ("layernorm_before", "layernorm_after", "lambda_1", "lambda_2"), Part()
            ),
            **{f"attention.{name}_proj": Part("heads") for name in "qkv"},
            "attention.o_proj": _READS_HEADS,
            "relative_position_bias": Part("heads", axis=1),
            "mlp.fc1": Part("ffn"),
            "mlp.fc2": _READS_FFN,
        },
        fixed=frozenset(f"{model_type}.{name}" for name in fixed),
        patches=f"{model_type}.embeddings.patch_embeddings.projection",
        heads=("classifier",),
        attributes={"attention.num_attention_heads": False},
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
    reader = _Reader(family, layout, shapes, numbers)
    return Anatomy(
        family=family,
        stacks=(Stack(name="layers", path=layout.layers, layers=numbers.layers),),
        groups=tuple(group for layer in range(numbers.layers) for group in reader.groups(layer)),
        shapes=dict(shapes),
        work=tuple(reader.work()),
        attentions=tuple(Attention(f"heads.{i}", numbers.head_size) for i in range(numbers.layers)),
        tokens=numbers.tokens,
        max_tokens=numbers.tokens,
    )


class _Reader:
    """Reads the parts of one model out of its shapes."""

    def __init__(self, family: str, layout: Layout, shapes: Shapes, numbers: Numbers) -> None:
        self.family, self.layout, self.shapes, self.numbers = family, layout, shapes, numbers
        self.inside: dict[int, list[tuple[str, Part]]] = {i: [] for i in range(numbers.layers)}
        for name in shapes:
            self._sort(name)

    def groups(self, layer: int) -> Iterator[Group]:
        """Heads and FFN neurons of a layer."""
        attributes = tuple(
            Attribute(f"{self.layout.layers}.{layer}.{path}", self._unit("heads") if wide else 1)
            for path, wide in self.layout.attributes.items()
        )
        yield self._group("heads", layer, self.numbers.heads, attributes)
        reader = self._reader("ffn", layer)
        yield self._group("ffn", layer, self.shapes[reader][1], ())

    def work(self) -> Iterator[Work]:
        """Weights that cost MACs."""
        patches = f"{self.layout.patches}.weight"
        if patches not in self.shapes:
            raise self._differs(f"tensor {patches!r} is missing")
        yield Work(patches, positions=self.numbers.patches, tokens_power=0)
        for parts in self.inside.values():
            # Linear maps are the weights with two axes; norms have one.
            yield from (
                Work(name)
                for name, _ in parts
                if name.endswith(".weight") and len(self.shapes[name]) == 2
            )
        for head in self.layout.heads:
            if f"{head}.weight" in self.shapes:
                yield Work(f"{head}.weight", tokens_power=0)

    def _group(
        self, kind: Literal["heads", "ffn"], layer: int, units: int, numbers: tuple[Attribute, ...]
    ) -> Group:
        reader = self._reader(kind, layer)
        cuts = tuple(
            self._cut(name, part, units)
            for name, part in self.inside[layer]
            # The bias of the map that reads the units is as wide as the hidden state.
            if part.kind == kind and not (part.reads and name != reader)
        )
        return Group(
            name=f"{kind}.{layer}",
            kind=kind,
            units=units,
            cuts=cuts,
            outgoing=next(cut for cut in cuts if cut.tensor == reader),
            attributes=numbers,
            stack="layers",
            layer=layer,
        )

    def _cut(self, name: str, part: Part, units: int) -> Cut:
        # A table of biases has one column for a head, whatever the size of heads.
        unit = 1 if "relative_position_bias" in name else self._unit(part.kind)
        blocks = part.blocks or max(1, self.shapes[name][part.axis] // (units * unit))
        return Cut(name, part.axis, unit, blocks)

    def _unit(self, kind: str | None) -> int:
        return self.numbers.head_size if kind == "heads" else 1

    def _reader(self, kind: str, layer: int) -> str:
        path = next(p for p, part in self.layout.parts.items() if part.kind == kind and part.reads)
        name = f"{self.layout.layers}.{layer}.{path}.weight"
        if name not in self.shapes:
            raise self._differs(f"tensor {name!r} is missing")
        return name

    def _sort(self, name: str) -> None:
        prefix = f"{self.layout.layers}."
        if name.startswith(prefix):
            layer, _, rest = name.removeprefix(prefix).partition(".")
            part = self.layout.parts.get(rest.rpartition(".")[0] or rest)
            if part is not None and int(layer) in self.inside:
                self.inside[int(layer)].append((name, part))
                return
        elif {name, name.rpartition(".")[0]} & {
            *self.layout.fixed,
            *self.layout.heads,
            self.layout.patches,
        }:
            return
        raise self._differs(f"tensor {name!r} of shape {list(self.shapes[name])} is not known")

    def _differs(self, how: str) -> CheckpointError:
        return CheckpointError(f"the model is not built as the {self.family} family is: {how}")


def linear(name: str, inputs: int, outputs: int, *, bias: bool = True) -> Shapes:
    """Shapes of a linear map."""
    return {f"{name}.weight": (outputs, inputs), **({f"{name}.bias": (outputs,)} if bias else {})}


def norm(name: str, size: int) -> Shapes:
    """Shapes of a LayerNorm."""
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}

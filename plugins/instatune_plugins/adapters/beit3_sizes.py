"""Sizes of a BEiT-3, from a ``config.json`` or from the shapes of its tensors. Light: no torch.

Published checkpoints are single files without a configuration: all sizes but one follow from the
shapes, and the heads of all published models are 64 wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any, Literal, cast

import attrs

from instatune.errors import CheckpointError

Head = Literal["vqa", "image_classification"]
Shapes = Mapping[str, "tuple[int, ...]"]

HEADS: tuple[Head, ...] = ("vqa", "image_classification")
SKIPPED = 2
"""First rows of both position tables, which no position uses (a custom of fairseq)."""
_HEAD_SIZE = 64
_KEYS = {  # key in config.json and what it is where it is left out: BEiT-3 base
    "hidden": ("hidden_size", 768),
    "layers": ("num_hidden_layers", 12),
    "heads": ("num_attention_heads", 12),
    "ffn": ("intermediate_size", 3072),
    "image": ("image_size", 224),
    "patch": ("patch_size", 16),
    "channels": ("num_channels", 3),
    "vocabulary": ("vocab_size", 64010),
    "positions": ("max_position_embeddings", 1024),
    "outputs": ("num_labels", 2),
}


@attrs.frozen(kw_only=True)
class Beit3Sizes:
    """Sizes of one model.

    Attributes:
        hidden: Width of the hidden state.
        layers: Number of layers.
        heads: Attention heads of a layer, shared by both experts.
        ffn: Neurons of each of the two experts of a layer.
        image: Side of an image in pixels.
        patch: Side of a patch in pixels.
        channels: Channels of an image.
        vocabulary: Words of the text embedding.
        positions: Rows of the table of text positions.
        outputs: Classes.
        head: What the model is for.
        eps: Epsilon of all norms.
    """

    hidden: int
    layers: int
    heads: int
    ffn: int
    image: int
    patch: int
    channels: int
    vocabulary: int
    positions: int
    outputs: int
    head: Head = "vqa"
    eps: float = 1e-5

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.image // self.patch) ** 2

    @property
    def image_tokens(self) -> int:
        """Patches and the class token."""
        return self.patches + 1

    @property
    def text_tokens(self) -> int:
        """Longest text; 0 where no text is read."""
        return self.positions - SKIPPED if self.text else 0

    @property
    def text(self) -> bool:
        """Whether there is a text expert."""
        return self.head == "vqa"

    def to_json(self) -> dict[str, Any]:
        """The same as ``config.json`` has it."""
        numbers = {key: getattr(self, name) for name, (key, _) in _KEYS.items()}
        return {"model_type": "beit3", "head": self.head, **numbers, "layer_norm_eps": self.eps}


def from_json(checkpoint: str, config: Mapping[str, Any]) -> Beit3Sizes:
    """Read the sizes out of ``config.json``; those that are left out are of BEiT-3 base.

    Raises:
        CheckpointError: Another family, or sizes that make no model.
    """
    if config.get("model_type") != "beit3":
        raise CheckpointError(
            f"checkpoint {checkpoint}: model_type is {config.get('model_type')!r}, adapter 'beit3' "
            "fits 'beit3'; choose a BEiT-3 checkpoint, or the adapter of that family "
            "(`instatune plugins --kind adapters`)"
        )
    sizes = {name: _positive(config, key, default) for name, (key, default) in _KEYS.items()}
    head = config.get("head", "vqa")
    if head not in HEADS:
        raise CheckpointError(f"config.json: head is {head!r}; {' or '.join(HEADS)} is right")
    eps = config.get("layer_norm_eps", 1e-5)
    if not isinstance(eps, float) or eps <= 0:
        raise CheckpointError(f"config.json: layer_norm_eps is {eps!r}; a small number is right")
    return checked(Beit3Sizes(**sizes, head=cast("Head", head), eps=eps))


def from_shapes(checkpoint: str, shapes: Shapes) -> Beit3Sizes:
    """Read the sizes off the tensors of a published file.

    Raises:
        CheckpointError: A tensor is missing, or the heads cannot be told.
    """
    patches = _shape(checkpoint, shapes, "beit3.vision_embed.proj.weight", 4)
    rows = _shape(checkpoint, shapes, "beit3.encoder.embed_positions.A.weight", 2)[0]
    hidden, channels, patch = patches[:3]
    if hidden % _HEAD_SIZE:
        raise CheckpointError(
            f"checkpoint {checkpoint}: its hidden size {hidden} is not a multiple of {_HEAD_SIZE}, "
            "the size of heads of published models; give a folder with a config.json"
        )
    words = shapes.get("beit3.text_embed.weight", (1,))[0]
    positions = shapes.get("beit3.encoder.embed_positions.B.weight", (SKIPPED + 1,))[0]
    last = shapes.get("head.3.weight") or shapes.get("head.weight") or (_KEYS["outputs"][1],)
    layers = {name.split(".")[3] for name in shapes if name.startswith("beit3.encoder.layers.")}
    return checked(
        Beit3Sizes(
            hidden=hidden,
            layers=len(layers),
            heads=hidden // _HEAD_SIZE,
            ffn=_shape(checkpoint, shapes, "beit3.encoder.layers.0.ffn.A.fc1.weight", 2)[0],
            image=isqrt(rows - SKIPPED - 1) * patch,
            patch=patch,
            channels=channels,
            vocabulary=words,
            positions=positions,
            outputs=last[0],
            head="image_classification" if "fc_norm.weight" in shapes else "vqa",
        )
    )


def checked(sizes: Beit3Sizes) -> Beit3Sizes:
    """Require that sizes fit together.

    Raises:
        CheckpointError: They do not.
    """
    if sizes.hidden % sizes.heads:
        raise CheckpointError(
            f"hidden_size {sizes.hidden} is not a multiple of num_attention_heads {sizes.heads}"
        )
    if sizes.image % sizes.patch:
        raise CheckpointError(
            f"image_size {sizes.image} is not a multiple of patch_size {sizes.patch}"
        )
    if sizes.positions <= SKIPPED:
        raise CheckpointError(
            f"max_position_embeddings is {sizes.positions}; more than {SKIPPED} are needed, as the "
            f"first {SKIPPED} are never used"
        )
    return sizes


def _positive(config: Mapping[str, Any], key: str, default: int) -> int:
    value = config.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(f"config.json: {key} is {value!r}; a positive number is right")
    return value


def _shape(checkpoint: str, shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    shape = shapes.get(name, ())
    if len(shape) != axes:
        raise CheckpointError(
            f"checkpoint {checkpoint}: is no BEiT-3: tensor {name!r} is "
            f"{list(shape) or 'missing'}; give a file as its authors publish it"
        )
    return shape

"""The anatomy of BEiT-3 (Wang et al., CVPR 2023, arXiv 2208.10442). Light: no torch.

A layer has one attention for all tokens, but two *experts* for everything else: A for the tokens
of the image, B for those of the text. Both take part in one attention, so a head is cut out of
both; the same holds for FFN neurons, so that one gene sets the width of a layer. The LayerNorms
inside attention and FFN (Wang et al., "Foundation Transformers", arXiv 2210.06423) are cut with
the units that they normalise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Cut, Group, Stack, Work
from instatune_plugins.adapters.beit3_sizes import SKIPPED, Beit3Sizes, from_json
from instatune_plugins.adapters.vit_checkpoint import read_json

FAMILY = "BEiT-3"
LAYERS = "beit3.encoder.layers"
_WORDS = "beit3.text_embed.weight"
_COUNTED_TEXT = 64  # tokens of a question as BEiT-3 is fine-tuned, at which MACs are counted
_PROJECTIONS = tuple(f"self_attn.{name}_proj" for name in "qkv")
_Shaped = Iterator["tuple[str, tuple[int, ...]]"]


def outline(checkpoint: str) -> Anatomy | None:
    """Read the anatomy of a checkpoint from its ``config.json``.

    Returns:
        None for a file of weights, or a folder with nothing else.

    Raises:
        CheckpointError: Nothing is there, something else, or sizes that make no model.
    """
    place = Path(checkpoint).expanduser()
    if not place.exists():
        raise missing(checkpoint)
    config = read_json(checkpoint, place / "config.json") if place.is_dir() else None
    return None if config is None else anatomy_of(from_json(checkpoint, config))


def missing(checkpoint: str) -> CheckpointError:
    """The error for a checkpoint that is not there."""
    return CheckpointError(
        f"checkpoint {checkpoint}: no such folder or file; give a file of BEiT-3's authors such as "
        "beit3_base_patch16_224.pth, or a folder with config.json and model.safetensors"
    )


def anatomy_of(sizes: Beit3Sizes) -> Anatomy:
    """Describe a BEiT-3 with its head."""
    layers = range(sizes.layers)
    return Anatomy(
        family=FAMILY,
        stacks=(Stack(name="layers", path=LAYERS, layers=sizes.layers),),
        groups=tuple(
            group for layer in layers for group in (_heads(sizes, layer), _ffn(sizes, layer))
        ),
        shapes=dict(_shapes(sizes)),
        work=tuple(_work(sizes)),
        attentions=tuple(
            Attention(
                f"heads.{layer}",
                sizes.head_size,
                projections=tuple(f"{LAYERS}.{layer}.{path}" for path in _PROJECTIONS),
            )
            for layer in layers
        ),
        # The model reads rows of its tables of positions itself, so they are no modules to replace.
        embeddings=(_WORDS,) if sizes.text else (),
        tokens=sizes.image_tokens + min(_COUNTED_TEXT, sizes.text_tokens),
        max_tokens=sizes.image_tokens + sizes.text_tokens,
    )


def _experts(sizes: Beit3Sizes) -> tuple[str, ...]:
    return ("A", "B") if sizes.text else ("A",)


def _heads(sizes: Beit3Sizes, layer: int) -> Group:
    at, size = f"{LAYERS}.{layer}.self_attn", sizes.head_size
    inside = [
        Cut(f"{at}.{path}.{expert}.{tensor}", 0, size)
        for path in ("q_proj", "k_proj", "v_proj", "inner_attn_ln")
        for expert in _experts(sizes)
        for tensor in ("weight", "bias")
    ]
    readers = [Cut(f"{at}.out_proj.{expert}.weight", 1, size) for expert in _experts(sizes)]
    return _group("heads", layer, sizes.heads, inside, readers)


def _ffn(sizes: Beit3Sizes, layer: int) -> Group:
    at = f"{LAYERS}.{layer}.ffn"
    inside = [
        Cut(f"{at}.{expert}.{path}.{tensor}", 0)
        for expert in _experts(sizes)
        for path in ("fc1", "ffn_layernorm")
        for tensor in ("weight", "bias")
    ]
    readers = [Cut(f"{at}.{expert}.fc2.weight", 1) for expert in _experts(sizes)]
    return _group("ffn", layer, sizes.ffn, inside, readers)


def _group(kind: str, layer: int, units: int, inside: list[Cut], readers: list[Cut]) -> Group:
    return Group(
        name=f"{kind}.{layer}",
        kind=kind,
        units=units,
        cuts=(*inside, *readers),
        outgoing=readers[0],
        also_outgoing=tuple(readers[1:]),
        stack="layers",
        layer=layer,
    )


def _work(sizes: Beit3Sizes) -> Iterator[Work]:
    """Weights that cost MACs; look-ups and norms cost nothing."""
    yield Work("beit3.vision_embed.proj.weight", sizes.patches, 0)
    for name, shape in _shapes(sizes):
        if not name.startswith(LAYERS) or len(shape) != 2:
            continue
        if ".A." in name:
            yield Work(name, sizes.image_tokens, 0)
        else:  # text tokens are those that are left of all tokens when the image has taken its own
            yield Work(name)
            yield Work(name, -sizes.image_tokens, 0)
    for name, shape in _head_shapes(sizes):
        if len(shape) == 2:
            yield Work(name, tokens_power=0)


def _shapes(sizes: Beit3Sizes) -> _Shaped:
    hidden, embed = sizes.hidden, "beit3.vision_embed"
    if sizes.text:
        yield _WORDS, (sizes.vocabulary, hidden)
    yield f"{embed}.mask_token", (1, 1, hidden)
    yield f"{embed}.cls_token", (1, 1, hidden)
    yield f"{embed}.proj.weight", (hidden, sizes.channels, sizes.patch, sizes.patch)
    yield f"{embed}.proj.bias", (hidden,)
    tables = {"A": sizes.image_tokens + SKIPPED, "B": sizes.positions}
    for expert in _experts(sizes):
        yield f"beit3.encoder.embed_positions.{expert}.weight", (tables[expert], hidden)
    for layer in range(sizes.layers):
        for expert in _experts(sizes):
            yield from _layer(f"{LAYERS}.{layer}", expert, hidden, sizes.ffn)
    yield from _head_shapes(sizes)


def _layer(at: str, expert: str, hidden: int, wide: int) -> _Shaped:
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        yield from _linear(f"{at}.self_attn.{name}.{expert}", hidden, hidden)
    for name in ("self_attn.inner_attn_ln", "self_attn_layer_norm", "final_layer_norm"):
        yield from _norm(f"{at}.{name}.{expert}", hidden)
    yield from _linear(f"{at}.ffn.{expert}.fc1", hidden, wide)
    yield from _norm(f"{at}.ffn.{expert}.ffn_layernorm", wide)
    yield from _linear(f"{at}.ffn.{expert}.fc2", wide, hidden)


def _head_shapes(sizes: Beit3Sizes) -> _Shaped:
    hidden = sizes.hidden
    if not sizes.text:
        yield from _norm("fc_norm", hidden)
        yield from _linear("head", hidden, sizes.outputs)
        return
    yield from _norm("pooler.norm", hidden)
    yield from _linear("pooler.dense", hidden, hidden)
    yield from _linear("head.0", hidden, 2 * hidden)
    yield from _norm("head.1", 2 * hidden)
    yield from _linear("head.3", 2 * hidden, sizes.outputs)


def _linear(name: str, inputs: int, outputs: int) -> _Shaped:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, size: int) -> _Shaped:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)

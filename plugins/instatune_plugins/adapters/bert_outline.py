"""The anatomy of BERT, from its configuration alone. Light: no torch.

Names of modules are those of ``transformers.BertForSequenceClassification``. Heads and FFN neurons
of each layer are the units (DyNAS-T and InstaTune make the same three things elastic: depth, heads,
FFN width).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work

MODEL_TYPE = "bert"
_LAYERS = "bert.encoder.layer"
_COUNTED_TOKENS = 128  # the length at which the literature counts BERT's MACs
_SIZES = {  # what transformers takes for sizes that config.json leaves out
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


def outline(checkpoint: str) -> Anatomy | None:
    """Read the anatomy of a checkpoint from its ``config.json``.

    Args:
        checkpoint: Folder, or name on a hub.

    Returns:
        None for a name on a hub, which would have to be asked.

    Raises:
        CheckpointError: The folder is missing or holds something else.
    """
    config = read_config(checkpoint)
    if config is None:
        return None
    labels = config.get("id2label")
    return anatomy_of(config, len(labels) if isinstance(labels, Mapping) and labels else 2)


def read_config(checkpoint: str) -> dict[str, Any] | None:
    """Read ``config.json`` of a folder and check the family; None if it is a name on a hub.

    Raises:
        CheckpointError: The folder is missing or holds something else.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        if folder.exists() or not _HUB_NAME.fullmatch(checkpoint):
            raise CheckpointError(
                f"checkpoint {checkpoint}: no such folder; give a folder with config.json and "
                "model.safetensors, or the name of a model on the hub"
            )
        return None
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json is missing; give a folder that "
            "save_pretrained wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json cannot be read ({error}); download it again"
        ) from error
    check_family(checkpoint, config)
    return dict(config)


def check_family(checkpoint: str, config: Any) -> None:
    """Refuse models that this adapter does not fit.

    Raises:
        CheckpointError: Another family, or a BERT that is a decoder.
    """
    found = config.get("model_type") if isinstance(config, Mapping) else None
    if found != MODEL_TYPE:
        raise CheckpointError(
            f"checkpoint {checkpoint}: model_type is {found!r}, adapter 'bert' fits "
            f"{MODEL_TYPE!r}; choose a BERT checkpoint or the adapter of that family "
            "(`instatune plugins --kind adapters`)"
        )
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise CheckpointError(
            f"checkpoint {checkpoint}: is a decoder, adapter 'bert' fits encoders; "
            "choose a BERT encoder"
        )


def anatomy_of(config: Mapping[str, Any], n_outputs: int) -> Anatomy:
    """Describe a BERT with a classification head.

    Args:
        config: Contents of ``config.json``.
        n_outputs: Rows of the classifier.

    Raises:
        CheckpointError: Sizes that do not make a BERT.
    """
    sizes = _sizes(config)
    layers = range(sizes["num_hidden_layers"])
    return Anatomy(
        family="BERT",
        stacks=(
            Stack(
                name="layers",
                path=_LAYERS,
                layers=len(layers),
                index_attributes=("attention.self.layer_idx",),
            ),
        ),
        groups=tuple(group for layer in layers for group in _groups(layer, sizes)),
        shapes=dict(_shapes(sizes, n_outputs)),
        work=tuple(_work(len(layers))),
        attentions=tuple(Attention(f"heads.{layer}", sizes["head_size"]) for layer in layers),
        tokens=min(_COUNTED_TOKENS, sizes["max_position_embeddings"]),
        max_tokens=sizes["max_position_embeddings"],
    )


def _sizes(config: Mapping[str, Any]) -> dict[str, int]:
    sizes = {name: config.get(name, default) for name, default in _SIZES.items()}
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise CheckpointError(f"config.json: {name} is {value!r}; a positive number is right")
    hidden, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if hidden % heads:
        raise CheckpointError(
            f"config.json: hidden_size {hidden} is not a multiple of num_attention_heads {heads}"
        )
    return {**sizes, "head_size": hidden // heads}


def _groups(layer: int, sizes: Mapping[str, int]) -> tuple[Group, Group]:
    at, head_size = f"{_LAYERS}.{layer}", sizes["head_size"]
    projections = [f"{at}.attention.self.{name}" for name in ("query", "key", "value")]
    mix = Cut(f"{at}.attention.output.dense.weight", 1, head_size)
    shrink = Cut(f"{at}.output.dense.weight", 1)
    heads = Group(
        name=f"heads.{layer}",
        kind="heads",
        units=sizes["num_attention_heads"],
        cuts=(
            *(Cut(f"{p}.{t}", 0, head_size) for p in projections for t in ("weight", "bias")),
            mix,
        ),
        outgoing=mix,
        attributes=(
            Attribute(f"{at}.attention.self.num_attention_heads"),
            Attribute(f"{at}.attention.self.all_head_size", head_size),
        ),
        stack="layers",
        layer=layer,
    )
    ffn = Group(
        name=f"ffn.{layer}",
        kind="ffn",
        units=sizes["intermediate_size"],
        cuts=(
            *(Cut(f"{at}.intermediate.dense.{tensor}", 0) for tensor in ("weight", "bias")),
            shrink,
        ),
        outgoing=shrink,
        stack="layers",
        layer=layer,
    )
    return heads, ffn


def _shapes(sizes: Mapping[str, int], n_outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, wide = sizes["hidden_size"], sizes["intermediate_size"]
    yield "bert.embeddings.word_embeddings.weight", (sizes["vocab_size"], hidden)
    yield "bert.embeddings.position_embeddings.weight", (sizes["max_position_embeddings"], hidden)
    yield "bert.embeddings.token_type_embeddings.weight", (sizes["type_vocab_size"], hidden)
    yield from _norm("bert.embeddings.LayerNorm", hidden)
    for layer in range(sizes["num_hidden_layers"]):
        at = f"{_LAYERS}.{layer}"
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            yield from _linear(f"{at}.attention.{name}", hidden, hidden)
        yield from _norm(f"{at}.attention.output.LayerNorm", hidden)
        yield from _linear(f"{at}.intermediate.dense", hidden, wide)
        yield from _linear(f"{at}.output.dense", wide, hidden)
        yield from _norm(f"{at}.output.LayerNorm", hidden)
    yield from _linear("bert.pooler.dense", hidden, hidden)
    yield from _linear("classifier", hidden, n_outputs)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def _work(layers: int) -> Iterator[Work]:
    for layer in range(layers):
        for name in ("query", "key", "value"):
            yield Work(f"{_LAYERS}.{layer}.attention.self.{name}.weight")
        for name in ("attention.output", "intermediate", "output"):
            yield Work(f"{_LAYERS}.{layer}.{name}.dense.weight")
    for name in ("bert.pooler.dense", "classifier"):  # read the first token only
        yield Work(f"{name}.weight", tokens_power=0)

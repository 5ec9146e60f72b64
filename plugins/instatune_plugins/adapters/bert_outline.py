"""The anatomy of BERT and its kin, from their configuration alone. Light: no torch.

Heads and FFN neurons of each layer are the units (DyNAS-T and InstaTune make the same three things
elastic: depth, heads, FFN width). Where things are is told by :mod:`bert_families`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work
from instatune_plugins.adapters.bert_families import BERT, FAMILIES, Family, find
from instatune_plugins.adapters.bert_stream import stream
from instatune_plugins.adapters.encoder_config import read_json

_STACK = "layers"
_COUNTED_TOKENS = 128  # the length at which the literature counts BERT's MACs


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
    config = read_json(checkpoint)
    if config is not None:
        check_family(checkpoint, config)
    return None if config is None else dict(config)


def check_family(checkpoint: str, config: Any) -> Family:
    """Find the family, and refuse models that this adapter does not fit.

    Raises:
        CheckpointError: Another family, or a decoder.
    """
    found = config.get("model_type") if isinstance(config, Mapping) else None
    family = find(found)
    if family is None:
        raise CheckpointError(
            f"checkpoint {checkpoint}: model_type is {found!r}, adapter 'bert' fits "
            f"{', '.join(repr(family.model_type) for family in FAMILIES)}; choose a BERT "
            f"checkpoint or the adapter of that family ({_fitting(found)})"
        )
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise CheckpointError(
            f"checkpoint {checkpoint}: is a decoder, adapter 'bert' fits encoders; "
            f"choose a {family.label} encoder"
        )
    return family


def anatomy_of(config: Mapping[str, Any], n_outputs: int, per_token: bool = False) -> Anatomy:
    """Describe an encoder with a classification head.

    Args:
        config: Contents of ``config.json``; BERT unless it says otherwise.
        n_outputs: Rows of the classifier, 1 for regression.
        per_token: Whether the head answers at each token instead of once.

    Raises:
        CheckpointError: Sizes that do not make such an encoder.
    """
    family = find(config.get("model_type", BERT.model_type)) or BERT
    sizes = _sizes(family, config)
    longest = max_tokens(family, config)
    layers = range(sizes["layers"])
    shared = family.bias_table is not None
    return Anatomy(
        family=family.label,
        stacks=(
            Stack(
                name=_STACK, path=family.stack, layers=len(layers), index_attributes=family.index
            ),
        ),
        groups=tuple(_groups(family, sizes, per_token)),
        shapes=dict(_shapes(family, sizes, n_outputs, per_token)),
        work=tuple(_work(family, sizes, per_token)),
        attentions=tuple(
            Attention(
                "heads" if shared else f"heads.{layer}",
                sizes["head_size"],
                (_STACK, layer),
                tuple(
                    f"{family.stack}.{layer}.{path}"
                    for path in (family.query, family.key, family.value)
                ),
            )
            for layer in layers
        ),
        embeddings=tuple(_tables(family, sizes)),
        tokens=min(_COUNTED_TOKENS, longest),
        max_tokens=longest,
    )


def max_tokens(family: Family, config: Mapping[str, Any]) -> int:
    """Longest input: some families leave the first rows of their position table to padding.

    Raises:
        CheckpointError: No row is left.
    """
    key, default = family.sizes["positions"]
    rows, first = config.get(key, default), family.first_position
    if family.pads_positions:
        padding = config.get("pad_token_id", 1)
        first = (padding if isinstance(padding, int) else 1) + 1
    if rows <= first:
        raise CheckpointError(
            f"config.json: {key} is {rows}; more than {first} are needed, as the first {first} "
            "are for padding"
        )
    return int(rows - first)


def _fitting(model_type: object) -> str:
    """Which of our adapters fits a model."""
    from instatune_plugins.adapters import instatune_adapters

    names = [e.name for e in instatune_adapters() if model_type in e.model_types]
    if names:
        return "adapter " + " or ".join(map(repr, names))
    return "see `instatune plugins --kind adapters`, or try 'auto'"


def _sizes(family: Family, config: Mapping[str, Any]) -> dict[str, int]:
    sizes = {}
    for name, (key, default) in family.sizes.items():
        value = config.get(key, default)
        if not isinstance(value, int) or value < 1:
            raise CheckpointError(f"config.json: {key} is {value!r}; a positive number is right")
        sizes[name] = value
    hidden, heads = sizes["hidden"], sizes["heads"]
    if hidden % heads:
        keys = [family.sizes[name][0] for name in ("hidden", "heads")]
        raise CheckpointError(
            f"config.json: {keys[0]} {hidden} is not a multiple of {keys[1]} {heads}"
        )
    return {"embedding": hidden, **sizes, "head_size": hidden // heads}


def _groups(family: Family, sizes: Mapping[str, int], per_token: bool) -> Iterator[Group]:
    heads = [_heads(family, layer, sizes) for layer in range(sizes["layers"])]
    if family.bias_table is not None:
        yield _joined(heads, Cut(f"{family.root}.{family.bias_table}.weight", 1), family)
    for layer in range(sizes["layers"]):
        if family.bias_table is None:
            yield heads[layer]
        yield _ffn(family, layer, sizes["ffn"])
    yield stream(family, sizes, family.token_head if per_token else family.head)


def _heads(family: Family, layer: int, sizes: Mapping[str, int]) -> Group:
    at, size = f"{family.stack}.{layer}", sizes["head_size"]
    mix = Cut(f"{at}.{family.mix}.weight", 1, size)
    incoming = [
        Cut(f"{at}.{path}.{tensor}", 0, size)
        for path in (family.query, family.key, family.value)
        for tensor in ("weight", "bias")
    ]
    widths = (Attribute(f"{at}.{family.all_heads}", size),) if family.all_heads else ()
    return Group(
        name=f"heads.{layer}",
        kind="heads",
        units=sizes["heads"],
        cuts=(*incoming, mix),
        outgoing=mix,
        attributes=(Attribute(f"{at}.{family.head_count}"), *widths),
        stack=_STACK,
        layer=layer,
    )


def _joined(heads: list[Group], bias: Cut, family: Family) -> Group:
    """Heads of all layers as one group: the table of biases that they share ties them together."""
    return Group(
        name="heads",
        kind="heads",
        units=heads[0].units,
        cuts=(*(cut for group in heads for cut in group.cuts), bias),
        outgoing=heads[0].outgoing,
        also_outgoing=tuple(group.outgoing for group in heads[1:]),
        attributes=(
            Attribute(f"{family.root}.encoder.n_heads"),
            *(attribute for group in heads for attribute in group.attributes),
        ),
    )


def _ffn(family: Family, layer: int, units: int) -> Group:
    at = f"{family.stack}.{layer}"
    shrink = Cut(f"{at}.{family.shrink}.weight", 1)
    incoming = [Cut(f"{at}.{family.widen}.{tensor}", 0) for tensor in ("weight", "bias")]
    return Group(
        name=f"ffn.{layer}",
        kind="ffn",
        units=units,
        cuts=(*incoming, shrink),
        outgoing=shrink,
        stack=_STACK,
        layer=layer,
        minimum=0,
    )


def _shapes(
    family: Family, sizes: Mapping[str, int], n_outputs: int, per_token: bool
) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, embedding = sizes["hidden"], sizes["embedding"]
    rows = [sizes[name] for name in ("vocabulary", "positions", "types") if name in sizes]
    for table, entries in zip(_tables(family, sizes), rows, strict=True):
        yield table, (entries, embedding)
    yield from _norm(f"{family.root}.embeddings.LayerNorm", embedding)
    if embedding != hidden:
        yield from _linear(f"{family.root}.embeddings_project", embedding, hidden)
    if family.bias_table is not None:
        yield f"{family.root}.{family.bias_table}.weight", (sizes["buckets"], sizes["heads"])
    for layer in range(sizes["layers"]):
        yield from _layer(family, f"{family.stack}.{layer}", hidden, sizes["ffn"])
    head = family.token_head if per_token else family.head
    for name in head:
        yield from _linear(name, hidden, n_outputs if name == head[-1] else hidden)


def _tables(family: Family, sizes: Mapping[str, int]) -> Iterator[str]:
    """Weights of tokens, positions and types of tokens; biases of positions are no such table."""
    for name in ("word", "position", "token_type")[: 3 if "types" in sizes else 2]:
        yield f"{family.root}.embeddings.{name}_embeddings.weight"


def _layer(
    family: Family, at: str, hidden: int, wide: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name in (family.query, family.key, family.value, family.mix):
        yield from _linear(f"{at}.{name}", hidden, hidden)
    yield from _linear(f"{at}.{family.widen}", hidden, wide)
    yield from _linear(f"{at}.{family.shrink}", wide, hidden)
    for name in family.norms:
        yield from _norm(f"{at}.{name}", hidden)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def _work(family: Family, sizes: Mapping[str, int], per_token: bool) -> Iterator[Work]:
    if sizes["embedding"] != sizes["hidden"]:
        yield Work(f"{family.root}.embeddings_project.weight")
    for layer in range(sizes["layers"]):
        for name in (family.query, family.key, family.value, family.mix):
            yield Work(f"{family.stack}.{layer}.{name}.weight")
        for name in (family.widen, family.shrink):
            yield Work(f"{family.stack}.{layer}.{name}.weight")
    if per_token:
        for name in family.token_head:
            yield Work(f"{name}.weight")
        return
    for name in family.head:  # read the first token only
        yield Work(f"{name}.weight", tokens_power=0)

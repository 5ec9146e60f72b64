"""The residual stream of BERT and its kin: where its channels lie. Light: no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from instatune.space import Cut, Group
from instatune_plugins.adapters.bert_families import Family


def stream(family: Family, sizes: Mapping[str, int], head: tuple[str, ...]) -> Group:
    """The channels as one group: all that adds to the stream, normalises it or reads it.

    Args:
        family: Where things are.
        sizes: By our names.
        head: Linear layers between the last hidden state and the logits; the first one reads it.
    """
    layers = [f"{family.stack}.{layer}" for layer in range(sizes["layers"])]
    readers = [
        Cut(f"{at}.{path}.weight", 1)
        for at in layers
        for path in (family.query, family.key, family.value, family.widen)
    ]
    readers.append(Cut(f"{head[0]}.weight", 1))
    writers = [
        Cut(f"{at}.{path}.{tensor}", 0)
        for at in layers
        for path in (family.mix, family.shrink, *family.norms)
        for tensor in ("weight", "bias")
    ]
    return Group(
        name="embed",
        kind="embed",
        units=sizes["hidden"],
        cuts=(*_entrance(family, sizes), *writers, *readers),
        outgoing=readers[0],
        also_outgoing=tuple(readers[1:]),
    )


def _entrance(family: Family, sizes: Mapping[str, int]) -> Iterator[Cut]:
    """Where channels lie before the layers: in the embeddings, or in what widens them."""
    at = f"{family.root}.embeddings"
    if sizes["embedding"] != sizes["hidden"]:
        yield from (Cut(f"{at}_project.{tensor}", 0) for tensor in ("weight", "bias"))
        return
    yield Cut(f"{at}.word_embeddings.weight", 1)
    yield Cut(f"{at}.position_embeddings.weight", 1)
    if "types" in sizes:
        yield Cut(f"{at}.token_type_embeddings.weight", 1)
    yield from (Cut(f"{at}.LayerNorm.{tensor}", 0) for tensor in ("weight", "bias"))

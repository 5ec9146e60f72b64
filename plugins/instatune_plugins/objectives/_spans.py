"""Spans of entities from tags, as the evaluation of the CoNLL shared tasks reads them.

IOB2 (``B-X`` begins, ``I-X`` goes on), IOB1 (``B-X`` only between neighbours) and IOBES (``E-X``
ends, ``S-X`` stands alone) are read by one rule, which also reads sequences that no annotator would
write, as models do: a word goes on with the entity of the word before if both are of one type,
unless it is marked as a beginning or that one as an end (Tjong Kim Sang and De Meulder,
"Introduction to the CoNLL-2003 Shared Task", 2003).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

Span: TypeAlias = "tuple[str, int, int]"
"""Type, first word, word behind the last."""

_TAG = re.compile(r"([BIES])-(.+)")


def is_scheme(tags: Sequence[str]) -> bool:
    """Whether tags mark entities: ``O``, and others such as ``B-PER`` of which there are some."""
    return any(map(_TAG.fullmatch, tags)) and all(t == "O" or _TAG.fullmatch(t) for t in tags)


def spans(tags: Sequence[str]) -> set[Span]:
    """Entities of one sentence.

    Example:
        >>> sorted(spans(["B-PER", "I-PER", "O", "I-LOC"]))
        [('LOC', 3, 4), ('PER', 0, 2)]
    """
    found: set[Span] = set()
    kind, start, ended = "", 0, True
    for place, tag in enumerate([*tags, "O"]):
        match = _TAG.fullmatch(tag)
        mark, own = match.groups() if match else ("O", "")
        if kind and (own != kind or mark in "BS" or ended):
            found.add((kind, start, place))
            kind = ""
        if own and not kind:
            kind, start = own, place
        ended = mark in "ES"
    return found

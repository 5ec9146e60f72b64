"""From files to passages of text, and from passages to splits."""

from __future__ import annotations

import glob
import hashlib
import json
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from instatune.data_files import lines
from instatune.errors import DataError
from instatune_plugins.tasks.docstrings import from_sources
from instatune_plugins.tasks.python_topics import topic_of

BLOCK = 8
"""Neighbouring passages that go into one split: they share names and phrases."""

SHORTEST = 16
"""Characters; what is shorter is no passage."""


def documents(corpus: str, patterns: Sequence[str]) -> Iterator[str]:
    """Read the texts of a corpus one by one.

    Args:
        corpus: ``"files"`` or ``"python_docs"``.
        patterns: Paths of files; ``*`` and ``**`` stand for many.

    Raises:
        DataError: A pattern without a file, or a file that is no text.
    """
    if corpus == "python_docs":
        yield from _docstrings(Path(sysconfig.get_paths()["stdlib"]))
        return
    for pattern in patterns:
        for file in _files(pattern):
            yield "".join(line for _, line in lines(file))


def passages(document: str, size: int) -> Iterator[str]:
    """Cut a text into passages of at most ``size`` characters, between words where there are any.

    Yields:
        Passages in order, without white space around them; very short ones are left out.
    """
    start = 0
    while start < len(document):
        end = min(start + size, len(document))
        if end < len(document):
            end = _gap(document, start + size // 2, end)
        passage = document[start:end].strip()
        if len(passage) >= SHORTEST:
            yield passage
        start = end


def carve(
    texts: Sequence[str], share: float, setting: str, rng: np.random.Generator | None = None
) -> tuple[list[str], list[str]]:
    """Divide passages into the rest and a share, in blocks of neighbours.

    Args:
        texts: Passages in their order.
        share: What part of the blocks to carve.
        setting: The setting that says so, for messages.
        rng: Chooses the blocks; None for evenly spaced ones.

    Returns:
        Both in their order, neither of them empty.

    Raises:
        DataError: Too few passages.
    """
    size = min(BLOCK, max(1, len(texts) // 16))  # a short text still gives some blocks
    blocks = -(-len(texts) // size)
    count = max(1, round(share * blocks))
    if count >= blocks:
        raise DataError(
            f"task.{setting}: {share} of {len(texts)} passages leaves nothing to train on; give"
            " more text, or make `passage` smaller"
        )
    if rng is None:
        chosen = {int((i + 0.5) * blocks / count) for i in range(count)}
    else:
        chosen = {int(i) for i in rng.permutation(blocks)[:count]}
    rest = [text for i, text in enumerate(texts) if i // size not in chosen]
    return rest, [text for i, text in enumerate(texts) if i // size in chosen]


def fingerprint(splits: Iterable[Sequence[str]]) -> str:
    """Hash all passages in their order (SHA-256, hexadecimal)."""
    digest = hashlib.sha256(b"causal_lm")
    for split in splits:
        digest.update(f"\n{len(split)}\n".encode())
        for text in split:
            digest.update(json.dumps(text).encode())
    return digest.hexdigest()


def _files(pattern: str) -> list[Path]:
    found = sorted(glob.glob(str(Path(pattern).expanduser()), recursive=True))
    files = [Path(name) for name in found if Path(name).is_file()]
    if not files:
        what = f"is a folder; write {pattern}/**/*.txt" if found else "no such file"
        raise DataError(
            f"{pattern}: {what} (seen from {Path.cwd()}); say where the text is with"
            " `--set task.train=[PATH]`"
        )
    return files


def _gap(text: str, low: int, high: int) -> int:
    """Last place between two words in a range, or its end."""
    return next((place for place in range(high, low, -1) if text[place].isspace()), high)


def _docstrings(library: Path) -> Iterator[str]:
    """The docstrings of each module as one text.

    Raises:
        DataError: This Python comes without the sources of its library.
    """
    empty = True
    for _, module in groupby(
        from_sources(library, topic_of), lambda found: found[0].partition(".")[0]
    ):
        empty = False
        yield "\n\n".join(docstring for _, docstring in module)
    if empty:
        raise DataError(
            f"{library}: no docstrings in the standard library; its .py files seem to be stripped"
            " or zipped, use a complete Python, or text files"
        )

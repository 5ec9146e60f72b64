"""Docstrings of Python's standard library, classified by the topic of their module.

Real text that is there wherever instatune runs: no download, no account, no question of licence.
Versions of Python differ a little, and so do the examples; the fingerprint tells them apart.
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from instatune.errors import DataError
from instatune.interfaces import Example, Splits
from instatune_plugins.tasks.classification import TextClassifier
from instatune_plugins.tasks.docstrings import (
    Documented,
    first_paragraph,
    from_compiled,
    from_sources,
)
from instatune_plugins.tasks.python_topics import COMPILED, TOPICS, topic_of
from instatune_plugins.tasks.splitting import balance, essence, fingerprint

SHORTEST, LONGEST = 20, 400
"""Characters of an example."""

FEWEST = 2000
"""A whole library has about 7,000 examples; with fewer than this its sources were stripped."""

TEST_SHARE = 0.2


class PythonDocs(TextClassifier):
    """First paragraphs of docstrings; nine topics."""

    def library(self) -> Path:
        """Folder of the standard library's sources."""
        return Path(sysconfig.get_paths()["stdlib"])

    def load(self, seed: int) -> Splits:
        """Read the library.

        The splits follow from a hash of each text: they do not depend on the seed, nor on which
        other texts there are.

        Raises:
            DataError: This Python comes without the sources of its library.
        """
        library = self.library()
        examples = read(library)
        if len(examples) < FEWEST:
            raise DataError(
                f"{library}: only {len(examples)} docstrings in the standard library, some 7,000"
                " are usual; its .py files seem to be stripped or zipped, use a complete Python"
                " (e.g. from python.org, or the distribution's full package)"
            )
        parts: dict[str, list[Example]] = {"train": [], "search": [], "test": []}
        for example in examples:
            parts[split_of(example["text"], self.config.search_share)].append(example)
        train = parts["train"][: self.config.max_train]
        search, test = parts["search"], parts["test"]
        return Splits(
            train=train,
            search=search,
            test=test,
            labels=TOPICS,
            fingerprint=fingerprint((train, search, test), TOPICS),
            description=(
                f"{len(examples):,} first paragraphs of docstrings of the standard library of"
                f" Python {platform.python_version()}, by topic of their module"
                f" ({balance(examples, TOPICS)});"
                f" {len(train):,} train, {len(search):,} search, {len(test):,} test examples"
            ),
        )


def read(library: Path) -> list[Example]:
    """Read all examples, ordered by a hash of the text, which mixes the topics.

    Args:
        library: Folder of the standard library.

    Returns:
        ``{"text": ..., "label": ..., "source": "dotted.name"}``, no text twice.
    """
    found = [*from_sources(library, topic_of), *from_compiled(COMPILED.split())]
    return sorted(distinct(examples_of(found)), key=lambda example: _position(example["text"]))


def examples_of(documented: Iterable[Documented]) -> Iterator[Example]:
    """Turn docstrings into examples; leaves out what has no topic or the wrong length."""
    for name, docstring in documented:
        topic, text = topic_of(name), first_paragraph(docstring)
        if topic is not None and SHORTEST <= len(text) <= LONGEST:
            yield {"text": text, "label": TOPICS.index(topic), "source": name}


def distinct(examples: Iterable[Example]) -> list[Example]:
    """Keep the first of equal texts, and none of those that stand under several topics.

    Texts are compared by their letters and digits.
    """
    first: dict[str, Example] = {}
    ambiguous: set[str] = set()
    for example in examples:
        key = essence(example["text"])
        if first.setdefault(key, example)["label"] != example["label"]:
            ambiguous.add(key)
    return [example for key, example in first.items() if key not in ambiguous]


def split_of(text: str, search_share: float) -> Literal["train", "search", "test"]:
    """Choose the split of a text by its hash: the same in each run, machine and version."""
    position = _position(text)
    if position < TEST_SHARE:
        return "test"
    return "search" if position < TEST_SHARE + search_share else "train"


def _position(text: str) -> float:
    """Spread texts evenly over [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48

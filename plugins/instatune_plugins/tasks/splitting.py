"""Splits of labelled examples: carving, checking for overlap, describing, fingerprinting."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError
from instatune.interfaces import Example


class Carving(Protocol):
    """The settings of a task that say how much of the training data is for the search."""

    @property
    def search_share(self) -> float:
        """Of the training examples."""

    @property
    def search_examples(self) -> int | None:
        """Their number, which overrides the share."""

    @property
    def max_train(self) -> int | None:
        """Training examples that stay at most, for quick runs."""


def carved_count(config: Carving, examples: int) -> int:
    """How many of the training examples to carve for the search.

    Raises:
        DataError: None, or all.
    """
    count = config.search_examples or round(config.search_share * examples)
    setting = "search_share" if config.search_examples is None else "search_examples"
    if not 0 < count < examples:
        raise DataError(
            f"task.{setting}: {count:,} of {examples:,} training examples cannot be carved;"
            " some must go and some must stay: change it, or give a file with `search`"
        )
    return count


@attrs.frozen(kw_only=True)
class Divided:
    """Examples of each split, and how the search split was made."""

    train: list[Example]
    search: list[Example]
    test: list[Example]
    how: str


def divide(config: Carving, read: Mapping[str, list[Example]], seed: int) -> Divided:
    """Carve the search split at random where it was not read, for examples without classes.

    Args:
        config: How much to carve.
        read: Examples of ``train`` and ``test``, and of ``search`` where it has a file.
        seed: For the choice.

    Raises:
        DataError: Nothing, or all, would be carved.
    """
    rng = np.random.default_rng((seed, 0x5EA4C8))
    train, how = read["train"], "as given"
    if "search" in read:
        search = read["search"]
    else:
        how = f"carved from train at random, seed {seed}"
        train, search = drawn(train, carved_count(config, len(train)), rng)
    # Files are often sorted; who looks at the first examples only must see all sorts of them.
    search = [search[i] for i in rng.permutation(len(search))]
    if config.max_train is not None and config.max_train < len(train):
        _, train = drawn(train, config.max_train, rng)
    return Divided(train=train, search=search, test=read["test"], how=how)


def drawn(
    examples: Sequence[Example], count: int, rng: np.random.Generator
) -> tuple[list[Example], list[Example]]:
    """Divide examples into the rest and a random choice of ``count``, both in their order."""
    chosen = set(rng.permutation(len(examples))[:count].tolist())
    rest = [example for i, example in enumerate(examples) if i not in chosen]
    return rest, [examples[i] for i in sorted(chosen)]


def stratified(labels: NDArray[np.int64], count: int, rng: np.random.Generator) -> list[int]:
    """Choose examples at random so that each class keeps its share.

    Shares are rounded by largest remainder. One example of each class is always left behind, so
    that what remains still has all classes (scikit-learn's splitter refuses rare classes instead).

    Args:
        labels: Class of each example, ``[examples]``.
        count: How many to choose.
        rng: The only source of randomness.

    Returns:
        Sorted indices; fewer than ``count`` where classes are too small.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    quota = np.floor(exact).astype(np.int64)
    most_missing = np.argsort(quota - exact, kind="stable")
    quota[most_missing[: count - int(quota.sum())]] += 1
    quota = np.minimum(quota, sizes - 1)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:n]
        for label, n in zip(classes, quota, strict=True)
    ]
    return sorted(int(i) for i in np.concatenate(chosen))


def carve(
    examples: Sequence[Example], count: int, rng: np.random.Generator
) -> tuple[list[Example], list[Example]]:
    """Divide examples into the rest and a stratified choice of ``count``, both in their order."""
    labels = np.fromiter((e["label"] for e in examples), np.int64, count=len(examples))
    chosen = set(stratified(labels, count, rng))
    rest = [example for i, example in enumerate(examples) if i not in chosen]
    return rest, [examples[i] for i in sorted(chosen)]


def texts(example: Example) -> tuple[str, ...]:
    """Give the text of an example, or both of a pair."""
    return (example["text"], example["pair"]) if "pair" in example else (example["text"],)


def essence(text: str) -> str:
    """Reduce a text to its letters and digits: a capital or a full stop makes no other text."""
    return "".join(filter(str.isalnum, text.casefold())) or text


def repeated(train: Sequence[Example], held_out: Sequence[Example]) -> int:
    """Count the training examples whose text, by its essence, also is in a held-out split."""
    known = {tuple(map(essence, texts(example))) for example in held_out}
    return sum(tuple(map(essence, texts(example))) in known for example in train)


def balance(examples: Sequence[Example], labels: Sequence[str]) -> str:
    """Describe the shares of the classes, largest first, e.g. ``"gui 21.4 %, net 17.2 %"``."""
    counts = Counter(example["label"] for example in examples)
    shares = [f"{labels[k]} {100 * n / len(examples):.1f} %" for k, n in counts.most_common(12)]
    return ", ".join(shares) + (", ..." if len(counts) > 12 else "")


def digest(splits: Sequence[Sequence[Example]], *facts: object) -> str:
    """Hash all examples in their order, whatever they hold (SHA-256, hexadecimal)."""
    found = hashlib.sha256(json.dumps(facts).encode())
    for split in splits:
        found.update(f"\n{len(split)}\n".encode())
        for example in split:
            found.update(json.dumps(example, sort_keys=True).encode())
    return found.hexdigest()


def fingerprint(splits: Sequence[Sequence[Example]], labels: Sequence[str]) -> str:
    """Hash label names and all texts and labels in their order (SHA-256, hexadecimal)."""
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for split in splits:
        digest.update(f"\n{len(split)}\n".encode())
        for example in split:
            digest.update(json.dumps([*texts(example), example["label"]]).encode())
    return digest.hexdigest()

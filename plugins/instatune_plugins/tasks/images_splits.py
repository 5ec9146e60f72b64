"""Splits of labelled images: carving, counting duplicates, describing, fingerprinting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import attrs
import numpy as np

from instatune.interfaces import Example, Splits
from instatune_plugins.tasks.images_decoding import digest
from instatune_plugins.tasks.splitting import balance, carve


@attrs.frozen(kw_only=True)
class ImageSets:
    """Images before they are a task.

    Attributes:
        train: To tune on.
        search: For the search.
        test: For the end.
        labels: Names of the classes.
        source: Where they are from, for the report.
        carved: How the search split was made, for the report.
    """

    train: list[Example]
    search: list[Example]
    test: list[Example]
    labels: tuple[str, ...]
    source: str
    carved: str


def splits(sets: ImageSets, max_train: int | None, rng: np.random.Generator) -> Splits:
    """Finish the splits: shuffle search, thin train out, mark it, describe all.

    Args:
        sets: The images.
        max_train: Most training images, chosen by class; None for all.
        rng: The only source of randomness.

    Raises:
        DataError: A file cannot be read.
    """
    # Files are often sorted by class; who looks at the first examples only must see them all.
    search = [sets.search[i] for i in rng.permutation(len(sets.search))]
    train = sets.train
    if max_train is not None and max_train < len(train):
        _, train = carve(train, max_train, rng)
    train = [{**example, "train": True} for example in train]
    digests = [[digest(e["image"], e["name"]) for e in part] for part in (train, search, sets.test)]
    seen = [set(found) for found in digests[1:]]
    twice = [sum(found in known for found in digests[0]) for known in seen]
    return Splits(
        train=train,
        search=search,
        test=sets.test,
        labels=sets.labels,
        fingerprint=_fingerprint((train, search, sets.test), digests, sets.labels),
        description=(
            f"{sets.source}: {len(train):,} train, {len(search):,} search ({sets.carved}),"
            f" {len(sets.test):,} test images; test has {balance(sets.test, sets.labels)};"
            f" of the training images {twice[0]:,} also occur in search and {twice[1]:,} in test"
        ),
    )


def _fingerprint(
    parts: Sequence[Sequence[Example]], digests: Sequence[Sequence[str]], labels: Sequence[str]
) -> str:
    """Hash label names and all images and labels in their order (SHA-256, hexadecimal)."""
    whole = hashlib.sha256(json.dumps(list(labels)).encode())
    for part, found in zip(parts, digests, strict=True):
        whole.update(f"\n{len(part)}\n".encode())
        for example, image in zip(part, found, strict=True):
            whole.update(f"{image} {example['label']}\n".encode())
    return whole.hexdigest()

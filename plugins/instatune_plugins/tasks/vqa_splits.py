"""Splits of questions about images: carving by image, describing, fingerprinting."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from instatune.errors import DataError
from instatune.interfaces import Example, Splits
from instatune_plugins.tasks.images_decoding import digest
from instatune_plugins.tasks.vqa_answers import UNKNOWN, worth_of

if TYPE_CHECKING:
    from instatune_plugins.tasks.vqa_config import VqaConfig


@attrs.frozen(kw_only=True)
class QuestionSets:
    """Questions before they are a task.

    Attributes:
        train: To tune on.
        search: For the search.
        test: For the end.
        answers: What can be answered.
        soft: Whether all answers of a question are learned from.
        source: Where they are from, for the report.
        carved: How the search split was made, for the report.
    """

    train: list[Example]
    search: list[Example]
    test: list[Example]
    answers: tuple[str, ...]
    soft: bool
    source: str
    carved: str


def carve_images(
    examples: list[Example], config: VqaConfig, rng: np.random.Generator
) -> tuple[list[Example], list[Example]]:
    """Divide questions into the rest and some for the search, so that they share no image.

    Args:
        examples: Training questions.
        config: Says how many are wanted; whole images are taken until there are as many.
        rng: The only source of randomness.

    Raises:
        DataError: Too many, or too few images.
    """
    count = config.search_examples or round(config.search_share * len(examples))
    sizes = Counter(example["image"] for example in examples)
    names = list(sizes)
    chosen: set[str] = set()
    taken = 0
    for index in rng.permutation(len(names)):
        if taken >= count:
            break
        chosen.add(names[index])
        taken += sizes[names[index]]
    if not 0 < len(chosen) < len(names):
        setting = "search_share" if config.search_examples is None else "search_examples"
        raise DataError(
            f"task.{setting}: {count:,} of {len(examples):,} training questions about"
            f" {len(names):,} images cannot be carved; some images must go and some must stay:"
            " change it, or give a file with `search`"
        )
    rest = [example for example in examples if example["image"] not in chosen]
    return rest, [example for example in examples if example["image"] in chosen]


def splits(sets: QuestionSets, max_train: int | None, rng: np.random.Generator) -> Splits:
    """Finish the splits: shuffle search, leave out what cannot be learned, describe all.

    Args:
        sets: The questions.
        max_train: Most training questions; None for all.
        rng: The only source of randomness.

    Raises:
        DataError: No training question is left, or an image cannot be read.
    """
    # Files are often sorted by image; who looks at the first examples only must see them all.
    search = [_marked(sets.search[i], sets) for i in rng.permutation(len(sets.search))]
    known = [e for e in sets.train if e["label"] != UNKNOWN]
    if not known:
        raise DataError(
            f"{sets.source}: no training question has an answer among the {len(sets.answers):,}"
            " most frequent; set `answers` higher"
        )
    chosen = known
    if max_train is not None and max_train < len(known):
        chosen = [known[i] for i in sorted(rng.permutation(len(known))[:max_train])]
    train = [{**_marked(example, sets), "train": True} for example in chosen]
    test = [_marked(example, sets) for example in sets.test]
    return Splits(
        train=train,
        search=search,
        test=test,
        labels=sets.answers,
        fingerprint=_fingerprint((train, search, test), sets),
        description=_description(sets, train, len(sets.train) - len(known)),
    )


def _marked(example: Example, sets: QuestionSets) -> dict[str, object]:
    return {**example, "soft": sets.soft}


def _description(sets: QuestionSets, train: Sequence[Example], left_out: int) -> str:
    best = Counter(example["label"] for example in train).most_common(1)[0][0]
    seen = {example["image"] for example in train}
    shared = sum(example["image"] in seen for example in sets.test)
    return (
        f"{sets.source}: {len(train):,} train, {len(sets.search):,} search ({sets.carved}),"
        f" {len(sets.test):,} test questions; {len(sets.answers):,} answers;"
        f" always answering {sets.answers[best]!r}, the most frequent one, scores"
        f" {100 * worth_of(best, sets.test):.1f} % in test;"
        f" {left_out:,} training questions without a known answer are left out, and"
        f" {_unknown(sets.search):,} of search and {_unknown(sets.test):,} of test count as wrong;"
        f" {shared:,} test questions are about images of train"
    )


def _unknown(examples: Sequence[Example]) -> int:
    return sum(example["label"] == UNKNOWN for example in examples)


def _fingerprint(parts: Sequence[Sequence[Example]], sets: QuestionSets) -> str:
    """Hash answers, images, questions and worths in their order (SHA-256, hexadecimal)."""
    whole = hashlib.sha256(json.dumps([sets.answers, sets.soft]).encode())
    images: dict[str, str] = {}
    for part in parts:
        whole.update(f"\n{len(part)}\n".encode())
        for example in part:
            path = example["image"]
            if path not in images:
                images[path] = digest(path, example["name"])
            line = [images[path], example["question"], example["answers"]]
            whole.update(json.dumps(line).encode())
    return whole.hexdigest()

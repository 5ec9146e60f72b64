"""Classification of each word of a sentence: named entities, parts of speech, chunks.

An example is ``{"words": (str, ...), "tags": (int, ...)}``. A word may be cut into several tokens:
the first of them carries its tag, the others none. The score of an example is the share of its
words that are tagged right, so that ``accuracy`` is averaged over sentences, each of which counts
alike; what people report for entities is the objective ``entity_f1``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Splits, Task
from instatune_plugins.tasks.encoding import CHUNK, ENCODED, pad_batch, pad_rows
from instatune_plugins.tasks.sources import read_tables
from instatune_plugins.tasks.splitting import digest, divide
from instatune_plugins.tasks.tagged import check_columns, find_columns, find_tags, sentences
from instatune_plugins.tasks.tagged_files import read_tagged
from instatune_plugins.tasks.token_classification_config import TokenClassificationConfig

IGNORED = -100
"""Label of a token that starts no word, as transformers and torch have it."""


class TokenClassification(Task):
    """Sentences with a tag for each word, wherever they are."""

    config: TokenClassificationConfig

    def load(self, seed: int) -> Splits:
        """Read the splits; carve the search split from the training data where it has no file.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer sentences.

        Raises:
            DataError: A table is missing, empty or damaged; see the messages.
        """
        tables = read_tables(self.config, partial(read_tagged, self.config), lists=True)
        columns = find_columns(self.config, tables["train"])
        names = find_tags(tables["train"], columns)
        indices = {name: i for i, name in enumerate(names)}
        read: dict[str, list[Example]] = {}
        for split, table in tables.items():
            check_columns(columns, table)
            read[split] = list(sentences(table, columns, indices))
        found = divide(self.config, read, seed)
        known = {example["words"] for example in found.test}
        repeated = sum(example["words"] in known for example in found.train)
        return Splits(
            train=found.train,
            search=found.search,
            test=found.test,
            labels=names,
            fingerprint=digest((found.train, found.search, found.test), names),
            description=(
                f"{', '.join(table.source for table in tables.values())}:"
                f" {len(found.train):,} train, {len(found.search):,} search ({found.how}),"
                f" {len(found.test):,} test sentences with {_words(found.test):,} words;"
                f" {repeated:,} training sentences also occur in test; accuracy is the share of"
                " words tagged right, averaged over sentences"
            ),
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize sentences, words joined by spaces, and find the first token of each word.

        Sentences are cut to ``max_length`` of the settings or what the tokenizer allows; a warning
        says how many. Words behind the end are neither learned nor scored.

        Args:
            examples: Tagged words.
            processor: A fast tokenizer of transformers.

        Returns:
            For each example int64 arrays ``[tokens]`` under the tokenizer's names, ``labels``
            likewise, and the token to pad with.

        Raises:
            DataError: The tokenizer does not tell where its tokens stand in the text.
        """
        if not getattr(processor, "is_fast", False):
            raise DataError(
                "token_classification: needs a fast tokenizer, which tells where tokens stand in a"
                " text; use a checkpoint with tokenizer.json, and an adapter for text"
            )
        limit = min(self.config.max_length, processor.model_max_length)
        features: list[Features] = []
        for start in range(0, len(examples), CHUNK):
            features += _encoded(examples[start : start + CHUNK], processor, limit)
        cut = sum(_is_cut(f, e) for f, e in zip(features, examples, strict=True))
        if cut:
            warnings.warn(
                f"token_classification: {cut:,} of {len(examples):,} sentences are longer than"
                f" {limit} tokens; words behind the end are neither learned nor scored; raise"
                " `max_length` if the model takes more, or split sentences",
                stacklevel=2,
            )
        return features

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad to the longest example on the right: int64 tensors ``[examples, tokens]``.

        ``labels`` has that shape too: -100 where no word starts.
        """
        multiple = self.config.pad_multiple
        labels = pad_rows([f["labels"] for f in features], IGNORED, multiple)
        return {**pad_batch(features, multiple), "labels": labels}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of ``[examples, tokens, classes]`` in nats, mean over all words."""
        labels = batch["labels"]
        total = functional.cross_entropy(
            _at_tokens(logits, labels).flatten(0, 1),
            labels.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )
        return total / (labels != IGNORED).sum().clamp(min=1)  # a batch may hold no word

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """Share of the words of each sentence that are tagged right, ``[examples]``."""
        labels = batch["labels"]
        counted = labels != IGNORED
        right = (_at_tokens(logits, labels).argmax(dim=-1) == labels) & counted
        return right.sum(dim=1).float() / counted.sum(dim=1).clamp(min=1)

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["input_ids"])


def _encoded(examples: Sequence[Example], processor: Any, limit: int) -> list[Features]:
    texts = [" ".join(example["words"]) for example in examples]
    encoded = processor(texts, truncation=True, max_length=limit, return_offsets_mapping=True)
    pad = processor.pad_token_id or 0
    keys = [key for key in ENCODED if key in encoded]
    features: list[Features] = []
    for i, example in enumerate(examples):
        arrays = {key: np.asarray(encoded[key][i], np.int64) for key in keys}
        offsets = np.asarray(encoded["offset_mapping"][i], np.int64).reshape(-1, 2)
        labels = _labels(example, offsets)
        features.append({**arrays, "labels": labels, "pad": pad})
    return features


def _labels(example: Example, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tags at the first token of each word, from the places ``[tokens, 2]`` in the joined text."""
    lengths = np.array([len(word) for word in example["words"]])
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])  # one space between words
    # The last character: a token may begin with the space before its word.
    last = offsets[:, 1] - 1
    word = np.searchsorted(starts, last, side="right") - 1
    inside = (offsets[:, 1] > offsets[:, 0]) & (last < (starts + lengths)[word])
    _, first = np.unique(np.where(inside, word, -1), return_index=True)
    labels = np.full(len(offsets), IGNORED, np.int64)
    first = first[inside[first]]
    labels[first] = np.asarray(example["tags"])[word[first]]
    return labels


def _is_cut(features: Features, example: Example) -> bool:
    """Whether words are missing; a word of which the tokenizer makes nothing counts too."""
    return int((features["labels"] != IGNORED).sum()) < len(example["words"])


def _at_tokens(logits: Tensor, labels: Tensor) -> Tensor:
    if logits.shape[:-1] != labels.shape:
        raise DataError(
            f"token_classification: the model gives outputs of shape {list(logits.shape)} instead"
            f" of one at each of {list(labels.shape)} tokens; use an adapter that serves"
            " token_classification, such as bert"
        )
    return logits


def _words(examples: Sequence[Example]) -> int:
    return sum(len(example["words"]) for example in examples)

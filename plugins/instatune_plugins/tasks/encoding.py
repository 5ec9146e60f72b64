"""From texts to padded tensors, for all tasks on texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from instatune.interfaces import Example, Features

CHUNK = 2048
"""Texts that go to the tokenizer at once; bounds memory without costing time."""

ENCODED = ("input_ids", "attention_mask", "token_type_ids")
"""What is taken of a tokenizer's answer."""


def tokenize(
    examples: Sequence[Example], processor: Any, max_length: int
) -> list[dict[str, NDArray[np.int64] | int]]:
    """Tokenize ``text``, or ``text`` and ``pair``, cut where the settings or the model end.

    Args:
        examples: Texts.
        processor: A tokenizer of transformers.
        max_length: Tokens.

    Returns:
        For each example int64 arrays ``[tokens]`` under the tokenizer's names, and ``pad``, the
        token to pad with.
    """
    limit = min(max_length, processor.model_max_length)
    pad = processor.pad_token_id or 0
    found: list[dict[str, NDArray[np.int64] | int]] = []
    for start in range(0, len(examples), CHUNK):
        chunk = examples[start : start + CHUNK]
        texts = [example["text"] for example in chunk]
        pairs = [example["pair"] for example in chunk] if "pair" in chunk[0] else None
        encoded = processor(texts, pairs, truncation=True, max_length=limit)
        rows = {key: encoded[key] for key in ENCODED if key in encoded}
        for i in range(len(chunk)):
            arrays = {key: np.asarray(values[i], np.int64) for key, values in rows.items()}
            found.append({**arrays, "pad": pad})
    return found


def pad_batch(features: Sequence[Features], multiple: int) -> dict[str, Tensor]:
    """Pad to the longest example on the right: int64 tensors ``[examples, tokens]``.

    Args:
        features: As :func:`tokenize` gives them.
        multiple: Lengths are rounded up to it. On a CPU time goes with the tokens: for short texts
            a multiple of 8 would cost a fifth more than none.
    """
    # RoBERTa counts positions from the tokens that are not padding, so the right one matters.
    fills = {"input_ids": features[0]["pad"]}
    return {
        key: pad_rows([f[key] for f in features], fills.get(key, 0), multiple)
        for key in ENCODED
        if key in features[0]
    }


def pad_rows(rows: Sequence[NDArray[np.int64]], fill: int, multiple: int) -> Tensor:
    """Join arrays of unlike lengths to ``[rows, tokens]``, filled up on the right."""
    longest = max(len(row) for row in rows)
    joined = np.full((len(rows), -(-longest // multiple) * multiple), fill, np.int64)
    for place, row in zip(joined, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(joined)

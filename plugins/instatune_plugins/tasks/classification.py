"""Classification of texts: everything but where the texts come from.

An example is ``{"text": str, "label": int}``, with ``"pair": str`` where texts come in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from instatune.interfaces import Batch, Example, Features, Task

CHUNK = 2048
"""Texts that go to the tokenizer at once; bounds memory without costing time."""

ENCODED = ("input_ids", "attention_mask", "token_type_ids")


class TextClassifier(Task):
    """Tokenizes, pads and scores; what is left to say is how to load the data."""

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize texts, cut to ``max_length`` of the settings or what the tokenizer allows.

        Args:
            examples: Texts with labels.
            processor: A tokenizer of transformers.

        Returns:
            For each example int64 arrays ``[tokens]`` under the tokenizer's names, the label, and
            the token to pad with.
        """
        limit = min(self.config.max_length, processor.model_max_length)
        pad = processor.pad_token_id or 0
        features: list[Features] = []
        for start in range(0, len(examples), CHUNK):
            chunk = examples[start : start + CHUNK]
            encoded = _tokenize(processor, chunk, limit)
            for i, example in enumerate(chunk):
                arrays = {key: np.asarray(rows[i], np.int64) for key, rows in encoded.items()}
                features.append({**arrays, "label": int(example["label"]), "pad": pad})
        return features

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad to the longest example on the right: int64 tensors ``[examples, tokens]``.

        ``labels`` is ``[examples]``. On a CPU time goes with the tokens: for short texts a multiple
        of 8 would cost a fifth more than none, so ``pad_multiple`` is 1 unless set.
        """
        longest = max(self.length(f) for f in features)
        tokens = -(-longest // self.config.pad_multiple) * self.config.pad_multiple
        batch = {
            key: torch.from_numpy(_padded(features, key, tokens))
            for key in ENCODED
            if key in features[0]
        }
        labels = np.fromiter((f["label"] for f in features), np.int64, count=len(features))
        return {**batch, "labels": torch.from_numpy(labels)}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of logits ``[examples, classes]`` in nats, mean over the batch."""
        return functional.cross_entropy(logits, batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1.0 where the largest logit is the label's, else 0.0, ``[examples]``."""
        return (logits.argmax(dim=-1) == batch["labels"]).float()

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["input_ids"])


def _tokenize(processor: Any, examples: Sequence[Example], limit: int) -> Mapping[str, Any]:
    texts = [example["text"] for example in examples]
    pairs = [example["pair"] for example in examples] if "pair" in examples[0] else None
    encoded = processor(texts, pairs, truncation=True, max_length=limit)
    return {key: encoded[key] for key in ENCODED if key in encoded}


def _padded(features: Sequence[Features], key: str, tokens: int) -> np.ndarray[Any, Any]:
    # RoBERTa counts positions from the tokens that are not padding, so the right one matters.
    fill = features[0]["pad"] if key == "input_ids" else 0
    rows = np.full((len(features), tokens), fill, dtype=np.int64)
    for row, feature in zip(rows, features, strict=True):
        row[: len(feature[key])] = feature[key]
    return rows

"""Classification of texts: everything but where the texts come from.

An example is ``{"text": str, "label": int}``, with ``"pair": str`` where texts come in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from instatune.interfaces import Batch, Example, Features, Task
from instatune_plugins.tasks.encoding import pad_batch, tokenize


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
        found = tokenize(examples, processor, self.config.max_length)
        return [
            {**arrays, "label": int(example["label"])}
            for arrays, example in zip(found, examples, strict=True)
        ]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad to the longest example on the right: int64 tensors ``[examples, tokens]``.

        ``labels`` is ``[examples]``. Lengths are rounded up to ``pad_multiple`` of the settings.
        """
        labels = torch.tensor([f["label"] for f in features], dtype=torch.int64)
        return {**pad_batch(features, self.config.pad_multiple), "labels": labels}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of logits ``[examples, classes]`` in nats, mean over the batch."""
        return functional.cross_entropy(logits, batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1.0 where the largest logit is the label's, else 0.0, ``[examples]``."""
        return (logits.argmax(dim=-1) == batch["labels"]).float()

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["input_ids"])

"""The tiny task: which of three tokens occurs most often?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from instatune.interfaces import Batch, Example, Features, Splits, Task


class TinyTask(Task):
    """Which of three tokens occurs most often? Sequences of 4 to 8 tokens, drawn by the seed."""

    def load(self, seed: int) -> Splits:
        """Draw 48, 24 and 24 examples."""
        generator = torch.Generator().manual_seed(seed)
        train, search, test = ([_example(generator) for _ in range(n)] for n in (48, 24, 24))
        return Splits(
            train=train,
            search=search,
            test=test,
            labels=("zero", "one", "two"),
            fingerprint=f"tiny-{seed}",
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Examples are tokens already."""
        return examples

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad with token 3 to the longest example."""
        longest = max(map(self.length, features))
        ids = torch.full((len(features), longest), 3)
        mask = torch.zeros(len(features), longest, dtype=torch.int64)
        for row, feature in enumerate(features):
            ids[row, : self.length(feature)] = torch.tensor(feature["tokens"])
            mask[row, : self.length(feature)] = 1
        labels = torch.tensor([feature["label"] for feature in features])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy in nats."""
        return functional.cross_entropy(logits, batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1 where the largest logit is the label's."""
        return (logits.argmax(-1) == batch["labels"]).float()

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["tokens"])


def _example(generator: torch.Generator) -> Example:
    length = int(torch.randint(4, 9, (), generator=generator))
    tokens = torch.randint(0, 3, (length,), generator=generator).tolist()
    counts = [tokens.count(token) for token in range(3)]
    return {"tokens": tokens, "label": counts.index(max(counts))}


def batches(size: int = 8) -> tuple[Batch, ...]:
    """Labelled batches of the tiny task's search split."""
    task = TinyTask()
    examples = task.load(0).search
    return tuple(task.collate(examples[i : i + size]) for i in range(0, len(examples), size))

"""Scoring: accuracy of any model over batches, for curves, baselines and the test split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from instatune.interfaces import Batch, Measurement, Task


def accuracy(
    logits: Callable[[Batch], Tensor], batches: Iterable[Batch], task: Task, device: torch.device
) -> Measurement:
    """Mean score of a model.

    Args:
        logits: Runs the model, which must be in eval mode.
        batches: With labels.
        task: Scores each example in [0, 1].
        device: Where the model is.

    Returns:
        The mean with its binomial standard error.
    """
    total, count = 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            placed = {name: tensor.to(device) for name, tensor in batch.items()}
            scores = task.correct(logits(placed).float(), placed)
            total += float(scores.double().sum())
            count += len(scores)
    mean = total / count
    return Measurement(mean, math.sqrt(mean * (1 - mean) / count), count)

"""An example batch: real examples of a split in the size that something is to be tried with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from instatune.errors import DataError
from instatune.interfaces import Batch, Features, Task


def example_batch(
    task: Task, features: Sequence[Features], size: int, length: int | None = None
) -> Batch:
    """Make a batch of real examples on the CPU; the same one for the same arguments.

    Args:
        task: Says how long an example is, and joins them.
        features: Encoded examples of a split.
        size: Number of examples, at least 1; a short split is repeated.
        length: Number of tokens, from the longest examples, cut or repeated, without padding. None
            for examples of the middle lengths, as they are.

    Raises:
        DataError: There is no example, or a length is asked for where examples have no tokens.
    """
    if not len(features):
        raise DataError("there is no example to try the model with; give the split at least one")
    lengths = np.fromiter((task.length(f) for f in features), np.int64, count=len(features))
    chosen = _middle(lengths, size) if length is None else _longest(lengths, size)
    batch = task.collate([features[index] for index in chosen.tolist()])
    return batch if length is None else stretched(batch, length)


def stretched(batch: Batch, length: int) -> Batch:
    """Cut or repeat the tokens of each example until there are exactly so many.

    Padding goes, so that all that is computed counts. What has the shape of ``input_ids`` follows
    it: masks, types of tokens, labels of tokens.

    Args:
        batch: With ``input_ids``, ``[..., tokens]``; ``attention_mask`` tells padding by 0.
        length: Tokens, at least 1.

    Raises:
        DataError: It has no ``input_ids``.
    """
    if "input_ids" not in batch:
        raise DataError(
            f"an input of {length} tokens is asked for, but examples of this task have no tokens"
            f" ({', '.join(sorted(batch))}); leave the number of tokens out"
        )
    ids = batch["input_ids"]
    places = _places(batch.get("attention_mask", torch.ones_like(ids)) != 0, length)
    return {
        name: tensor.gather(-1, places) if tensor.shape == ids.shape else tensor
        for name, tensor in batch.items()
    }


def _places(real: Tensor, length: int) -> Tensor:
    """Where the tokens come from, ``[..., length]``: the real ones in turn, then again."""
    first = (~real).to(torch.int8).argsort(dim=-1, stable=True)  # padding last
    counts = real.sum(dim=-1, keepdim=True).clamp(min=1)
    return first.gather(-1, torch.arange(length).expand(*real.shape[:-1], length) % counts)


def _middle(lengths: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    order = np.argsort(lengths, kind="stable")
    start = max(0, (len(order) - size) // 2)
    return np.resize(order[start : start + size], size)


def _longest(lengths: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.resize(np.argsort(-lengths, kind="stable")[:size], size)

"""Batches of encoded examples: shuffled and bucketed by length to train, fixed to evaluate.

The order is worked out before any example is touched and depends on ``(seed, epoch)`` alone. A run
that was stopped in the middle of an epoch therefore continues at batch ``i`` without computing the
ones before it.

Bucketing is the usual one ("group by length"): shuffle, cut into mega-batches, sort each of them
by length, cut into batches, shuffle the batches. Examples of a batch are of like length, so little
is padded, and the order stays random at the scale of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from instatune.interfaces import Batch, Features

MEGA = 50
"""Batches in a mega-batch: enough for tight buckets, few enough for a random order."""


def training_order(
    lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Cut examples into shuffled batches of like lengths.

    Args:
        lengths: Size of each example, ``[examples]``.
        batch_size: Examples in a batch; the shortest batch of the epoch holds the rest.
        seed: Seed of the run.
        epoch: Epoch, from 0; each has an order of its own.

    Returns:
        Indices of each batch; every example occurs once.
    """
    rng = np.random.default_rng((seed, epoch))
    shuffled = rng.permutation(len(lengths))
    parts = []
    for start in range(0, len(shuffled), MEGA * batch_size):
        mega = shuffled[start : start + MEGA * batch_size]
        parts += _cut(mega[np.argsort(lengths[mega], kind="stable")], batch_size)
    return [parts[i] for i in rng.permutation(len(parts))]


def evaluation_order(lengths: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Cut examples into batches, longest first: what does not fit in memory fails at once."""
    return _cut(np.argsort(-lengths, kind="stable"), batch_size)


def _cut(indices: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


class BatchPlan(Sequence["Batch"]):
    """The batches of one pass over a split, in order; each is collated when it is asked for.

    A batch holds what ``collate`` gives and ``index``, the positions of its examples in the split
    (int64, ``[examples]``), by which cached teacher logits are found.
    """

    def __init__(
        self,
        features: Sequence[Features],
        collate: Callable[[Sequence[Features]], Batch],
        length: Callable[[Features], int],
        batch_size: int,
        seed: int | None = None,
        epoch: int = 0,
    ) -> None:
        """Plan one pass; every example occurs once.

        Args:
            features: Encoded examples of the split.
            collate: ``Task.collate``.
            length: ``Task.length``.
            batch_size: Examples in a batch, at least 1.
            seed: Shuffle for training. None: the fixed order for evaluation.
            epoch: Epoch, from 0; without a seed it changes nothing.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        self._features = features
        self._collate = collate
        lengths = np.fromiter((length(f) for f in features), np.int64, count=len(features))
        if seed is None:
            self._order = evaluation_order(lengths, batch_size)
        else:
            self._order = training_order(lengths, batch_size, seed, epoch)

    def __len__(self) -> int:
        """Count the batches."""
        return len(self._order)

    @property
    def features(self) -> Sequence[Features]:
        """All encoded examples of the split, in its order."""
        return self._features

    @property
    def n_examples(self) -> int:
        """Number of examples in all batches together."""
        return len(self._features)

    def indices(self, i: int) -> NDArray[np.int64]:
        """Positions in the split of the examples of batch ``i``; collates nothing."""
        return self._order[i]

    def __getitem__(self, i: int) -> Batch:  # type: ignore[override]
        """Collate batch ``i``."""
        import torch

        chosen = self._order[i]
        batch = dict(self._collate([self._features[j] for j in chosen]))
        batch["index"] = torch.from_numpy(chosen.astype(np.int64))
        return batch

    def __iter__(self) -> Iterator[Batch]:
        """Collate one batch after the other."""
        return self.after(0)

    def after(self, done: int) -> Iterator[Batch]:
        """Go on behind the first ``done`` batches, which are not collated."""
        return (self[i] for i in range(done, len(self)))

    def cached(self, device: torch.device | str | None = None) -> CachedPlan:
        """Collate everything now and keep the tensors, for passes that are repeated often.

        Args:
            device: Where to keep them; None leaves them where ``collate`` made them.
        """
        return CachedPlan(self, device)


class CachedPlan(BatchPlan):
    """Batches of a plan, collated once: each pass gives the same tensors in the same order."""

    def __init__(self, plan: BatchPlan, device: torch.device | str | None = None) -> None:
        """Collate all batches of ``plan``."""
        self._features = plan._features
        self._collate = plan._collate
        self._order = plan._order
        self._batches = tuple(
            batch if device is None else {key: value.to(device) for key, value in batch.items()}
            for batch in plan
        )

    def __getitem__(self, i: int) -> Batch:  # type: ignore[override]
        """Give batch ``i`` as it was collated; it is shared, do not write into it."""
        return self._batches[i]

"""Accuracy on the split of the bench, with its binomial standard error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import torch

from instatune.errors import DataError, SearchError
from instatune.interfaces import Bench, Measurement, Objective

if TYPE_CHECKING:
    from instatune.space import Architecture


class Accuracy(Objective):
    """Mean score of the task over all examples."""

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """Run each network over the split; see :meth:`Objective.measure`.

        Raises:
            DataError: The split is empty.
            SearchError: Outputs are not finite, so that their order says nothing.
        """
        for architecture in architectures:
            done(_accuracy(architecture, bench))


def _accuracy(architecture: Architecture, bench: Bench) -> Measurement:
    total, n = 0.0, 0
    for logits, batch in bench.outputs(architecture):
        if not torch.isfinite(logits).all():
            raise SearchError(
                f"accuracy: network {architecture.key} gives outputs that are not finite; tune "
                "with a lower lr or in fp32"
            )
        scores = bench.task.correct(logits, batch)
        total += float(scores.double().sum())
        n += len(scores)
    if n == 0:
        raise DataError("accuracy: no example to score; give the split at least one")
    share = total / n
    return Measurement(share, sqrt(max(share * (1.0 - share), 0.0) / n), n)

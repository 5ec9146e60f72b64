"""F1 of whole entities: a span counts if its type, its beginning and its end are right.

Micro-averaged, as conlleval and seqeval report it: ``2 TP / (predicted + there)`` over all
sentences of the split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch

from instatune.errors import DataError, SearchError
from instatune.interfaces import Bench, Measurement, Objective
from instatune_plugins.objectives._spans import is_scheme, spans

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.interfaces import Batch
    from instatune.space import Architecture

_IGNORED = -100  # label of a token that starts no word


class EntityF1(Objective):
    """Runs each network over the split and compares the spans of its tags with those there."""

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """See :meth:`Objective.measure`.

        Raises:
            DataError: Tags mark no entities, or the model does not answer at each token.
            SearchError: Outputs are not finite, so that their order says nothing.
        """
        if not is_scheme(bench.labels):
            shown = ", ".join(bench.labels[:8]) + (", ..." if len(bench.labels) > 8 else "")
            raise DataError(
                f"entity_f1: the tags ({shown}) mark no entities; it needs 'O' and tags such as"
                " 'B-PER' and 'I-PER': use the objective accuracy"
            )
        for architecture in architectures:
            counts = [
                count
                for logits, batch in bench.outputs(architecture)
                for count in _counts(architecture, logits, batch, bench.labels)
            ]
            done(_f1(np.array(counts, np.float64).reshape(-1, 2)))


def _counts(
    architecture: Architecture, logits: Tensor, batch: Batch, names: Sequence[str]
) -> Iterator[tuple[int, int]]:
    """Of each sentence: twice the entities that were found, and those named or there."""
    labels = batch["labels"]
    if logits.ndim != 3 or labels.shape != logits.shape[:2]:
        raise DataError(
            f"entity_f1: the model gives outputs of shape {list(logits.shape)}, not one at each"
            " token; use it with the task token_classification"
        )
    if not torch.isfinite(logits).all():
        raise SearchError(
            f"entity_f1: network {architecture.key} gives outputs that are not finite; tune with a"
            " lower lr or in fp32"
        )
    for guess, there in zip(logits.argmax(dim=-1).tolist(), labels.tolist(), strict=True):
        words = [place for place, label in enumerate(there) if label != _IGNORED]
        named = spans([names[guess[place]] for place in words])
        wanted = spans([names[there[place]] for place in words])
        yield 2 * len(named & wanted), len(named) + len(wanted)


def _f1(counts: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Measurement:
    """Ratio of sums over sentences, with its standard error.

    The error is that of a ratio estimator (Cochran, "Sampling Techniques", 1977, chapter 6):
    sentences are drawn, not entities. Without any entity F1 is 0, as conlleval has it.

    Raises:
        DataError: No sentence.
    """
    n = len(counts)
    if n == 0:
        raise DataError("entity_f1: no sentence to score; give the split at least one")
    hits, total = counts.sum(axis=0)
    if not total:
        return Measurement(0.0, 0.0, n)
    ratio = float(hits / total)
    rest = counts[:, 0] - ratio * counts[:, 1]
    std = sqrt(n / max(n - 1, 1) * float((rest**2).sum())) / float(total)
    return Measurement(ratio, std, n)

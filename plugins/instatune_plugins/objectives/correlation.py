"""Correlation of outputs and targets of a regression, over the whole split.

GLUE reports the mean of Pearson's and Spearman's for STS-B (Wang et al., ICLR 2019), which is the
default here. Neither depends on the unit of the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from instatune.errors import DataError, SearchError
from instatune.interfaces import Bench, Measurement, Objective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from instatune.space import Architecture
    from instatune_plugins.objectives import CorrelationConfig


class Correlation(Objective):
    """Runs each network over the split and compares its numbers with the targets."""

    config: CorrelationConfig

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """See :meth:`Objective.measure`.

        Raises:
            DataError: Fewer than four examples, or more than one output.
            SearchError: Outputs are not finite.
        """
        for architecture in architectures:
            outputs, targets = _numbers(architecture, bench)
            done(self._correlated(outputs, targets))

    def _correlated(
        self, outputs: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> Measurement:
        methods = {"pearson": (pearson,), "spearman": (spearman,), "mean": (pearson, spearman)}
        values = [method(outputs, targets) for method in methods[self.config.method]]
        value = float(np.mean(values))
        # Large-sample error of Pearson's r under normality (Fisher, 1915).
        return Measurement(value, (1.0 - value**2) / sqrt(len(targets) - 1), len(targets))


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Pearson's r; 0 where one side is constant, which tells nothing of the other."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(stats.pearsonr(x, y).statistic)


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Spearman's rho, Pearson's r of the ranks; ties share their mean rank."""
    return pearson(stats.rankdata(x), stats.rankdata(y))


def _numbers(
    architecture: Architecture, bench: Bench
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    outputs, targets = [], []
    for logits, batch in bench.outputs(architecture):
        if logits.ndim != 2 or logits.shape[1] != 1:
            raise DataError(
                f"correlation: the model gives outputs of shape {list(logits.shape)}, not one"
                " number for each example; use it with a regression task such as text_regression"
            )
        outputs.append(logits[:, 0].double().cpu().numpy())
        targets.append(batch["labels"].double().cpu().numpy())
    count = sum(map(len, targets))
    if count < 4:
        raise DataError(f"correlation: {count} examples say nothing; give the split more")
    found = np.concatenate(outputs)
    if not np.isfinite(found).all():
        raise SearchError(
            f"correlation: network {architecture.key} gives outputs that are not finite; tune with"
            " a lower lr or in fp32"
        )
    return found, np.concatenate(targets)

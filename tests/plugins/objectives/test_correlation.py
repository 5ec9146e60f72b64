"""Correlation against numpy's and the textbook's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from instatune.errors import DataError, SearchError
from instatune.space import Architecture
from instatune_plugins.objectives import CorrelationConfig
from instatune_plugins.objectives.correlation import Correlation

NET = Architecture({"depth": 1})


class Bench:
    def __init__(self, outputs, targets, size=7):
        self.columns, self.size = (outputs, targets), size

    def outputs(self, architecture):
        outputs, targets = (torch.tensor(np.asarray(c), dtype=torch.float32) for c in self.columns)
        for start in range(0, len(targets), self.size):
            part = slice(start, start + self.size)
            yield outputs[part, None], {"labels": targets[part]}


def measured(outputs, targets, method="mean"):
    told = []
    Correlation(CorrelationConfig(method=method)).measure(
        [NET], Bench(outputs, targets), told.append
    )
    return told[0]


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=60).round(1)  # with ties
    return np.exp(targets + rng.normal(size=60)), targets


def test_pearson_is_numpys_and_runs_over_all_batches(numbers):
    found = measured(*numbers, method="pearson")

    r = np.corrcoef(np.float32(numbers[0]), np.float32(numbers[1]))[0, 1]
    assert found.value == pytest.approx(r)
    assert (found.n, found.std) == (60, pytest.approx((1 - r**2) / np.sqrt(59)))


def test_spearman_looks_at_the_order_alone(numbers):
    outputs, targets = numbers
    rho = measured(outputs, targets, "spearman").value

    assert measured(np.log(outputs), targets, "spearman").value == pytest.approx(rho)
    assert measured(np.exp(targets), targets, "spearman").value == pytest.approx(1.0)
    both = sorted(range(60), key=lambda i: outputs[i])
    ranks = np.empty(60)
    ranks[both] = np.arange(60)
    means = np.array([np.mean([np.sum(targets < t), np.sum(targets <= t) - 1]) for t in targets])
    assert rho == pytest.approx(np.corrcoef(ranks, means)[0, 1])


def test_the_default_is_the_mean_of_both(numbers):
    both = [measured(*numbers, method).value for method in ("pearson", "spearman")]

    assert measured(*numbers).value == pytest.approx(np.mean(both))


@pytest.mark.parametrize("method", ["mean", "pearson", "spearman"])
def test_a_constant_tells_nothing(numbers, method):
    assert measured(np.ones(60), numbers[1], method).value == 0.0


def test_what_it_cannot_measure_is_refused(numbers):
    with pytest.raises(DataError, match="3 examples say nothing; give the split more"):
        measured([1, 2, 3], [1, 2, 3])
    with pytest.raises(SearchError, match=f"network {NET.key} gives outputs that are not finite"):
        measured([1, 2, 3, np.nan], [1, 2, 3, 4])

    class Classes(Bench):
        def outputs(self, architecture):
            yield torch.zeros(5, 3), {"labels": torch.zeros(5)}

    with pytest.raises(DataError, match=r"shape \[5, 3\], not one number for each example; use it"):
        Correlation(CorrelationConfig()).measure([NET], Classes([], []), print)

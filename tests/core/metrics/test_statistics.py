from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from instatune.metrics.statistics import kendall, mape, quartiles, wilson


@given(st.integers(1, 2000), st.data())
def test_wilson_is_that_of_scipy(n, data):
    hits = data.draw(st.integers(0, n))
    theirs = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    ours = wilson(hits / n, n)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (1.2, 10), (-0.1, 10)])
def test_wilson_refuses_what_is_no_share(share, n):
    with pytest.raises(ValueError, match=r"a share is in \[0, 1\]"):
        wilson(share, n)


def test_quartiles_are_taken_over_seeds():
    summary = quartiles([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0], [3.0, 40.0], [4.0, 50.0]])
    assert summary.median.tolist() == [2.0, 30.0]
    assert summary.iqr.tolist() == [2.0, 20.0]


def test_kendall_counts_pairs_in_order():
    assert kendall([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx((5 - 1) / 6)


def test_kendall_of_a_constant_is_not_a_number_and_silent():
    assert math.isnan(kendall([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]))
    assert math.isnan(kendall([1.0], [1.0]))


def test_mape_is_relative_to_the_truth():
    assert mape([2.0, 4.0], np.array([1.0, 5.0])) == pytest.approx(0.375)
    assert math.isnan(mape([0.0, 1.0], [1.0, 1.0]))
    assert math.isnan(mape([], []))

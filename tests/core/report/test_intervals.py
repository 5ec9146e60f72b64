from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from instatune.interfaces import Measurement
from instatune.metrics.statistics import wilson
from instatune.report.intervals import interval, within_noise


@given(n=st.integers(2, 5000), data=st.data())
def test_wilson_is_that_of_scipy(n, data):
    right = data.draw(st.integers(0, n))
    expected = binomtest(right, n).proportion_ci(method="wilson")

    found = wilson(right / n, n)

    assert found.low == pytest.approx(expected.low, abs=1e-6)
    assert found.high == pytest.approx(expected.high, abs=1e-6)


def test_a_perfect_score_still_has_an_interval():
    found = interval(Measurement(1.0, 0.0, 50))

    assert found.low == pytest.approx(0.9287, abs=1e-3)
    assert found.high == pytest.approx(1.0)


def test_other_measures_get_standard_errors():
    found = interval(Measurement(12.0, 0.5, 30))

    assert (found.low, found.high) == pytest.approx((11.02, 12.98), abs=0.001)


@pytest.mark.parametrize(
    "exact", [Measurement(5e8), Measurement(math.nan, 1.0, 9), Measurement(0.3, math.nan, 9)]
)
def test_exact_and_unknown_values_have_none(exact):
    assert interval(exact) is None


def test_noise_is_that_of_both_values():
    one, other = Measurement(0.80, 0.01, 1600), Measurement(0.82, 0.01, 1600)

    assert within_noise(one, other)
    assert not within_noise(one, Measurement(0.84, 0.01, 1600))
    assert not within_noise(Measurement(1.0), Measurement(1.0))

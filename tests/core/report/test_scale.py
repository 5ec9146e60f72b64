from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.report.plots.scale import Scale, span_of, tick_texts, ticks

FINITE = st.floats(-1e15, 1e15)


@given(low=FINITE, width=st.floats(1e-6, 1e6), count=st.integers(3, 10))
def test_ticks_lie_inside_at_equal_distances_and_are_about_as_many_as_asked(low, width, count):
    width = max(width, abs(low) * 1e-6)
    found = ticks(low, low + width, count)

    slack = width * 1e-6
    assert all(low - slack <= tick <= low + width + slack for tick in found)
    assert 1 <= len(found) <= count + 1
    gaps = [b - a for a, b in pairwise(found)]
    assert all(gap == pytest.approx(gaps[0], rel=1e-3) for gap in gaps)


def test_ticks_are_round_numbers():
    assert ticks(0.643, 0.858, 6) == (0.65, 0.7, 0.75, 0.8, 0.85)
    assert tick_texts(ticks(0.643, 0.858, 6)) == ("0.65", "0.70", "0.75", "0.80", "0.85")
    assert tick_texts(ticks(0, 120, 5)) == ("0", "25", "50", "75", "100")


@given(st.lists(st.floats(), max_size=8))
def test_a_span_is_finite_and_never_empty(values):
    known = [value for value in values if math.isfinite(value) and abs(value) < 1e300]
    low, high = span_of(known)

    assert low < high
    assert all(low <= value <= high for value in known)


def test_a_scale_turns_round_for_the_vertical_axis():
    scale = Scale(0.5, 1.0, 300, 20)

    assert (scale(0.5), scale(0.75), scale(1.0)) == pytest.approx((300, 160, 20))
    assert scale.holds(0.5)
    assert not scale.holds(1.01)


def test_huge_ticks_stay_short():
    assert tick_texts((0.0, 5e12)) == ("0", "5e+12")

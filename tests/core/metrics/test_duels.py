from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.metrics.duels import holm, least_p, mann_whitney, vargha_delaney

SAMPLES = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=6)


def test_effect_counts_pairs_by_hand():
    # 3 > 1, 3 > 2, 3 = 3 (half), 2 > 1, 2 = 2 (half), 2 < 3: 4 of 6
    assert vargha_delaney([3, 2], [1, 2, 3]) == pytest.approx(4 / 6)


@given(SAMPLES, SAMPLES)
def test_effects_of_both_sides_add_up_to_one(one, other):
    assert vargha_delaney(one, other) + vargha_delaney(other, one) == pytest.approx(1.0)
    wins = sum((a > b) + 0.5 * (a == b) for a, b in itertools.product(one, other))
    assert vargha_delaney(one, other) == pytest.approx(wins / (len(one) * len(other)))


@given(st.permutations(range(7)), st.integers(1, 6))
def test_p_without_ties_is_the_share_of_orders_as_extreme(order, cut):
    one, other = order[:cut], order[cut:]
    middle = len(one) * len(other) / 2

    def u(chosen):
        rest = [x for x in range(7) if x not in chosen]
        return sum(a > b for a, b in itertools.product(chosen, rest))

    distances = [abs(u(c) - middle) for c in itertools.combinations(range(7), cut)]
    truth = np.mean(np.array(distances) >= abs(u(one) - middle) - 1e-9)
    assert mann_whitney(one, other) == pytest.approx(truth)


def test_equal_samples_differ_by_nothing():
    assert mann_whitney([1.0, 1.0, 1.0], [1.0, 1.0]) == 1.0


def test_holm_by_hand():
    # sorted .01 .02 .03 .04: times 4, 3, 2, 1, never falling, at most 1
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([0.9, 0.8]) == pytest.approx((1.0, 1.0))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_value_and_is_bonferroni_for_the_smallest(values):
    for value, adjusted in zip(values, holm(values), strict=True):
        assert value - 1e-12 <= adjusted <= 1.0
    assert min(holm(values)) == pytest.approx(min(1.0, len(values) * min(values)))


@pytest.mark.parametrize(("one", "other"), [(2, 2), (3, 3), (4, 5)])
def test_the_least_p_is_that_of_samples_that_do_not_overlap(one, other):
    assert least_p(one, other) == pytest.approx(
        mann_whitney(np.arange(one) + 100.0, np.arange(other))
    )


@pytest.mark.parametrize("function", [vargha_delaney, mann_whitney])
def test_empty_samples_are_refused(function):
    with pytest.raises(ValueError, match="samples of 0 and 2 values; both need one at least"):
        function([], [1.0, 2.0])

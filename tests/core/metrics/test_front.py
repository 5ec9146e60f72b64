from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from instatune.metrics.front import best_first, crowding, non_dominated, ranks


@st.composite
def losses(draw, max_rows=24):
    # few distinct values: ties and repeats are where sorting goes wrong
    shape = (draw(st.integers(1, max_rows)), draw(st.integers(1, 4)))
    return draw(arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)))


def brute_force(points):
    better = (points[:, None] <= points).all(-1) & (points[:, None] < points).any(-1)
    return ~better.any(axis=0)


@given(losses())
def test_the_front_is_that_of_comparing_all_pairs(points):
    assert non_dominated(points).tolist() == brute_force(points).tolist()


@given(losses())
def test_ranks_peel_one_front_after_the_other(points):
    rank, left = ranks(points), np.arange(len(points))
    for number in range(rank.max() + 1):
        front = left[brute_force(points[left])]
        assert np.flatnonzero(rank == number).tolist() == front.tolist()
        left = np.setdiff1d(left, front)
    assert not len(left)


@given(losses(), st.randoms(use_true_random=False))
def test_the_front_does_not_depend_on_the_order_of_points(points, random):
    order = np.array(random.sample(range(len(points)), len(points)))
    assert non_dominated(points[order]).tolist() == non_dominated(points)[order].tolist()


def test_repeats_of_a_front_point_are_all_on_the_front():
    assert non_dominated(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])).tolist() == [
        True,
        True,
        False,
    ]


def test_no_points_have_an_empty_front():
    assert non_dominated(np.zeros((0, 2))).shape == ranks(np.zeros((0, 2))).shape == (0,)
    assert non_dominated(np.zeros((0, 1))).shape == best_first(np.zeros((0, 2))).shape == (0,)


def test_crowding_is_that_of_pymoo():
    from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance

    points = np.random.default_rng(0).random((60, 3))
    rank = ranks(points)
    ours = crowding(points, rank)
    for number in np.unique(rank):
        front = rank == number
        theirs = calc_crowding_distance(points[front], filter_out_duplicates=False)
        # pymoo divides by the number of aims
        np.testing.assert_allclose(ours[front], theirs * points.shape[1])


def test_crowding_of_a_flat_front_is_finite_inside():
    points = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    assert crowding(points, np.zeros(3, dtype=np.int64)).tolist() == [np.inf, 1.0, np.inf]


def test_best_first_puts_feasible_before_infeasible_and_small_violations_first():
    points = np.array([[0.0, 0.0], [3.0, 3.0], [2.0, 2.0], [0.0, 0.0]])
    assert best_first(points, np.array([2.0, 0.0, 0.0, 1.0])).tolist() == [2, 1, 3, 0]


@given(losses())
def test_best_first_never_puts_a_dominated_point_before_its_front(points):
    rank = ranks(points)[best_first(points)]
    assert (np.diff(rank) >= 0).all()


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 0))])
def test_something_else_than_a_table_is_refused(bad):
    with pytest.raises(ValueError, match=r"a table \[rows, aims\] is needed"):
        non_dominated(bad)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        ranks(np.array([[0.0, np.nan]]))

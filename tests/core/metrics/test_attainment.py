from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.metrics.attainment import attainment, slab
from instatune.metrics.hypervolume import hypervolume

POINT = st.tuples(st.integers(0, 5), st.integers(0, 5))
FRONTS = st.lists(st.lists(POINT, max_size=4), min_size=1, max_size=5).map(
    lambda fronts: [np.array(front, dtype=float).reshape(-1, 2) for front in fronts]
)


def attained(fronts, point):
    return sum(bool(len(f)) and (f <= point).all(axis=1).any() for f in fronts)


@given(FRONTS, st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_the_surface_is_what_a_share_of_the_searches_reaches(fronts, share):
    surface = attainment(fronts, share)
    needed = np.ceil(share * len(fronts))
    for x in range(7):
        for y in range(7):
            reached = bool(len(surface)) and (surface <= (x, y)).all(axis=1).any()
            assert reached == (attained(fronts, (x, y)) >= needed)


def test_the_median_surface_by_hand():
    fronts = [np.array([[1.0, 3.0]]), np.array([[2.0, 2.0]]), np.array([[3.0, 1.0]])]
    assert attainment(fronts).tolist() == [[2.0, 3.0], [3.0, 2.0]]


def test_rows_that_are_not_finite_do_not_count():
    fronts = [np.array([[np.inf, np.inf], [1.0, 1.0]]), np.array([[np.inf, np.inf]])]
    assert attainment(fronts, 0.5).tolist() == [[1.0, 1.0]]
    assert attainment(fronts, 1.0).tolist() == []
    assert attainment([np.full((2, 2), np.inf)]).shape == (0, 2)


@given(FRONTS)
def test_slabs_add_up_to_the_hypervolume(fronts):
    points, corner = np.concatenate(fronts), np.array([5.0, 5.0])
    edges = [0.0, 1.5, 2.0, 5.0]
    parts = [slab(points, corner, a, b) for a, b in pairwise(edges)]
    whole = hypervolume(points, corner) if len(points) else 0.0
    assert sum(parts) == pytest.approx(whole)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="share 0; it lies above 0 and up to 1"):
        attainment([np.zeros((1, 2))], 0)
    with pytest.raises(ValueError, match="losses of 3 aims; attainment is drawn for two"):
        attainment([np.zeros((1, 3))])

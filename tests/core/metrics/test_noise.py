from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from instatune.metrics.front import non_dominated
from instatune.metrics.noise import clear_front


@st.composite
def tables(draw, noisy=4, most=20):
    """Losses and errors on a coarse grid, where ties and chains are frequent."""
    shape = draw(st.tuples(st.integers(1, most), st.integers(1, 4)))
    losses = draw(arrays(np.float64, shape, elements=st.integers(0, 8).map(float)))
    errors = draw(arrays(np.float64, shape, elements=st.integers(0, 3).map(float)))
    errors[:, min(noisy, shape[1]) :] = 0.0
    return losses, errors


def beats(points, errors, a, b, z=1.0):
    gaps = points[a] - points[b]
    counts = np.abs(gaps) > z * np.sqrt(errors[a] ** 2 + errors[b] ** 2)
    return bool((counts & (gaps < 0)).any() and not (counts & (gaps > 0)).any())


@given(tables(noisy=0))
def test_without_errors_it_is_the_pareto_front(table):
    losses, errors = table
    assert clear_front(losses, errors).tolist() == non_dominated(losses).tolist()


@given(tables())
def test_errors_too_small_to_matter_change_nothing(table):
    losses, errors = table
    assert clear_front(losses, 1e-9 * errors).tolist() == non_dominated(losses).tolist()


@given(tables())
def test_there_is_always_a_front(table):
    assert clear_front(*table, z=1.0).any()


@given(tables(), st.randoms(use_true_random=False))
def test_the_front_does_not_depend_on_the_order_of_points(table, random):
    losses, errors = table
    order = np.array(random.sample(range(len(losses)), len(losses)))

    whole = clear_front(losses, errors, z=1.0)

    assert clear_front(losses[order], errors[order], z=1.0).tolist() == whole[order].tolist()


@given(tables())
def test_each_one_dropped_is_beaten_by_one_that_stays(table):
    losses, errors = table
    kept = np.flatnonzero(clear_front(losses, errors, z=1.0))
    dropped = np.setdiff1d(np.arange(len(losses)), kept)

    assert all(any(beats(losses, errors, a, b) for a in kept) for b in dropped)


@given(tables(noisy=1))
def test_with_one_noisy_loss_none_that_stays_beats_another(table):
    losses, errors = table
    kept = np.flatnonzero(clear_front(losses, errors, z=1.0))

    assert not any(beats(losses, errors, a, b) for a in kept for b in kept)


def front(rows, errors, z=1.96):
    losses = np.array(rows, dtype=np.float64)
    return np.flatnonzero(clear_front(losses, np.array([[0.0, e] for e in errors]), z)).tolist()


def test_a_worse_network_that_is_as_quick_as_can_be_told_is_dropped():
    # error rate, seconds: the second one is quicker by less than 1.96 * sqrt(2) * 0.01
    assert front([(0.10, 1.00), (0.12, 0.98)], (0.01, 0.01)) == [0]
    assert front([(0.10, 1.00), (0.12, 0.97)], (0.01, 0.01)) == [0, 1]


def test_networks_alike_in_all_that_can_be_told_both_stay():
    assert front([(0.10, 1.00), (0.10, 0.98)], (0.01, 0.01)) == [0, 1]
    assert front([(0.10, 1.00), (0.10, 0.90)], (0.01, 0.01)) == [1]


def test_what_only_a_dropped_network_beats_stays():
    # Each is as quick as its neighbour, but the last is clearly quicker than the first.
    chain = [(0.10, 1.00), (0.11, 0.98), (0.12, 0.96)]
    assert front(chain, (0.01,) * 3) == [0, 2]


def test_a_circle_leaves_its_pareto_front():
    losses = np.array([[0.0, 1.2, 0.6], [0.6, 0.0, 1.2], [1.2, 0.6, 0.0], [1.2, 1.2, 1.3]])
    errors = np.full((4, 3), np.sqrt(0.5))  # differences up to 1 do not count
    circle = [beats(losses, errors, (a + 1) % 3, a) for a in range(3)]
    assert all(circle)

    assert clear_front(losses, errors, z=1.0).tolist() == [True, True, True, False]


def test_more_noise_keeps_no_fewer_of_equally_accurate_networks():
    losses = np.stack([np.zeros(9), np.linspace(1, 2, 9)], axis=1)
    sizes = [
        clear_front(losses, np.tile([0.0, error], (9, 1))).sum() for error in (0.0, 0.1, 0.2, 9.0)
    ]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (1, 9)


def test_no_points_have_an_empty_front():
    assert clear_front(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


@pytest.mark.parametrize("errors", [np.zeros((2, 1)), np.full((2, 2), -0.1)])
def test_errors_that_do_not_fit_are_refused(errors):
    with pytest.raises(ValueError, match="one for each of the losses"):
        clear_front(np.zeros((2, 2)), errors)

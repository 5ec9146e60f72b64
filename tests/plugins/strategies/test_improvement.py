from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from instatune.metrics.hypervolume import hypervolume
from instatune_plugins.strategies._improvement import Normals, expected_improvement


def tables(aims, rows):
    numbers = st.floats(0, 1.25, width=16)
    return st.lists(st.tuples(*[numbers] * aims), min_size=rows[0], max_size=rows[1]).map(
        lambda table: np.array(table, dtype=np.float64).reshape(len(table), aims)
    )


@pytest.mark.parametrize("aims", [1, 2, 3, 4])
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_without_uncertainty_it_is_the_growth_of_the_hypervolume(aims, data):
    front, points = data.draw(tables(aims, (0, 8))), data.draw(tables(aims, (1, 6)))
    reference = np.ones(aims)
    gain = expected_improvement(Normals(points, np.zeros(points.shape)), front, reference)
    before = hypervolume(front, reference)
    grown = [hypervolume(np.concatenate([front, point[None]]), reference) for point in points]
    np.testing.assert_allclose(gain, np.array(grown) - before, atol=1e-9)


@pytest.mark.parametrize("aims", [2, 3])
def test_with_uncertainty_it_is_the_mean_growth_over_many_draws(aims):
    rng = np.random.default_rng(0)
    front, reference = rng.uniform(0.3, 1.0, (6, aims)), np.ones(aims)
    mean, std = rng.uniform(0.2, 0.7, (3, aims)), rng.uniform(0.05, 0.4, (3, aims))
    std[0, -1] = 0.0  # one aim is exact
    gain = expected_improvement(Normals(mean, std), front, reference)
    draws = mean + std * rng.standard_normal((4000, 3, aims))
    before = hypervolume(front, reference)
    growth = np.array(
        [
            [hypervolume(np.concatenate([front, point[None]]), reference) - before for point in row]
            for row in draws
        ]
    )
    error = growth.std(axis=0) / np.sqrt(len(growth))
    assert gain.min() > 0.01
    assert (np.abs(gain - growth.mean(axis=0)) < 4 * error).all()


def test_with_one_aim_it_is_the_expected_improvement_on_the_best():
    losses = Normals(np.array([[0.3], [0.7]]), np.array([[0.1], [0.2]]))
    gain = expected_improvement(losses, np.array([[0.5], [0.6]]), np.ones(1))
    unit = (0.5 - losses.mean[:, 0]) / losses.std[:, 0]
    known = losses.std[:, 0] * (unit * stats.norm.cdf(unit) + stats.norm.pdf(unit))
    np.testing.assert_allclose(gain, known)

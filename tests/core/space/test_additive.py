"""Exact costs from a sample: right wherever they are called exact, refused elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from instatune.errors import SpaceError
from instatune.space import Gene, SearchSpace
from instatune.space.additive import additive
from instatune.space.counting import parameters
from instatune.space.members import members
from instatune.testing import fakes


def rows(space, count, seed=0):
    drawn = members(space)
    return drawn[np.random.default_rng(seed).permutation(len(drawn))[:count]]


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_macs_and_parameters_of_unseen_networks_are_those_of_the_count(seed):
    land = fakes.Landscape()
    seen, everything = rows(land.space, 150, seed), members(land.space)
    size = parameters(land.anatomy)
    for count in (land.macs, lambda genotypes: land.space.count(size, genotypes)):
        try:
            found = additive(land.space, seen, count(seen))
        except SpaceError:
            assume(False)  # some way to make a layer is in no row
        assert np.array_equal(found(everything), count(everything))


def test_fractions_are_not_rounded():
    land = fakes.Landscape()
    seen, everything = rows(land.space, 120), members(land.space)
    found = additive(land.space, seen, land.macs(seen) / 1e9)
    assert found(everything) == pytest.approx(land.macs(everything) / 1e9, rel=1e-12)


def test_what_is_no_sum_over_layers_is_refused():
    land = fakes.Landscape()
    seen = rows(land.space, 120)
    with pytest.raises(SpaceError, match=r"no sum over layers: the relative error of the best"):
        additive(land.space, seen, land.accuracy(seen))


def test_too_few_rows_prove_nothing():
    land = fakes.Landscape()
    seen = rows(land.space, 10)
    with pytest.raises(SpaceError, match=r"10 rows cannot confirm 10 shares of layers; give more"):
        additive(land.space, seen, land.macs(seen))


def test_rows_that_leave_a_layer_open_are_refused():
    land = fakes.Landscape()
    everything = members(land.space)
    column = [gene.name for gene in land.space.genes].index("ffn.0")
    seen = everything[everything[:, column] > 0]  # no network with a narrow first layer
    with pytest.raises(SpaceError, match=r"decide only \d+ of its \d+ shares; give rows with"):
        additive(land.space, seen, land.macs(seen))


def test_layers_that_can_be_made_in_too_many_ways_are_refused():
    gene = Gene(name="g", choices=tuple(range(6000)), effect="width", targets=("g",))
    space = SearchSpace(genes=(gene,), priority={}, full_units={"g": 1})
    with pytest.raises(SpaceError, match=r"6,000 ways, too many to find each one's share"):
        additive(space, np.zeros((1, 1), dtype=np.int64), np.ones(1))

"""``tabulated_digits``: the table that ships with it is whole, and its costs are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from instatune.space.additive import additive
from instatune.space.members import members
from instatune.tables import read_table
from instatune_plugins.benchmarks import TabulatedDigitsConfig
from instatune_plugins.benchmarks.tabulated_digits import TABLE, TabulatedDigits


@pytest.fixture(scope="module")
def arena():
    return TabulatedDigits().open()


def test_the_table_is_whole_and_small():
    assert len(read_table(str(TABLE))) == 9**2 + 9**3 + 9**4
    assert TABLE.stat().st_size < 200_000


def test_costs_are_sums_over_layers(arena):
    everything = members(arena.space)
    some = everything[:: len(everything) // 500]
    table = read_table(str(TABLE))
    macs = arena.exact["macs"](everything)
    assert np.array_equal(additive(arena.space, some, arena.exact["macs"](some))(everything), macs)
    assert sorted(table.numbers("macs")) == sorted(macs)


def test_accuracies_are_shares_of_the_images(arena):
    table = read_table(str(TABLE))
    for head, images in (("search_accuracy", 539), ("test_accuracy", 359)):
        right = table.numbers(head) * images
        assert np.abs(right - right.round()).max() < 0.01


def test_more_costs_help_but_do_not_decide(arena):
    table = read_table(str(TABLE))
    found = stats.spearmanr(table.numbers("search_accuracy"), table.numbers("macs")).statistic
    assert 0.4 < found < 0.98


@pytest.mark.parametrize(("quality", "points"), [("accuracy", 16), ("loss", 17)])
def test_the_true_front_has_as_many_points_as_documented(quality, points):
    arena = TabulatedDigits(TabulatedDigitsConfig(quality=quality)).open()
    assert len(arena.front) == points
    assert "the true front has" in arena.description

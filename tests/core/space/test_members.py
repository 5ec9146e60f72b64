from __future__ import annotations

import numpy as np
import pytest

from instatune.errors import SpaceError
from instatune.space import Gene, SearchSpace
from instatune.space.members import members
from instatune.testing import fakes


def test_every_network_is_there_once():
    space = fakes.space()
    found = members(space)
    assert len(found) == space.size == len(set(space.decode(found)))
    assert np.array_equal(found, space.canonical(found))
    drawn = space.decode(space.sample(np.random.default_rng(0), 200))
    assert set(drawn) <= set(space.decode(found))


def test_a_space_without_a_choice_has_one_member():
    assert members(fakes.single_space()).tolist() == [[0] * len(fakes.single_space().genes)]


def test_a_large_space_is_refused():
    genes = [Gene(name=f"g{i}", choices=(0, 1), effect="width", targets=("g",)) for i in range(30)]
    space = SearchSpace(genes=tuple(genes), priority={}, full_units={})
    with pytest.raises(SpaceError, match=r"1,073,741,824 combinations, more than the 2,000,000"):
        members(space)

"""The tight reference of ``trained``."""

from __future__ import annotations

import numpy as np
import pytest

from instatune.metrics.hypervolume import Box
from instatune_plugins.benchmarks.trained import worst

BOX = Box.loose([(-1.0, 0.0), (0.0, 200.0)]).tight([-0.5, np.inf])


def test_it_is_where_the_box_was_tightened():
    assert worst(BOX, np.array([[-0.6, 150.0]])) == pytest.approx((-0.5, np.inf))


def test_it_gives_way_where_no_network_of_the_run_beats_it():
    assert worst(BOX, np.array([[-0.5, 150.0], [-0.4, 10.0]])) == (np.inf, np.inf)


def test_the_box_is_the_same_when_it_is_made_again():
    again = Box.loose(BOX.bounds).tight(worst(BOX, np.array([[-0.6, 150.0]])))
    assert again.reference == pytest.approx(BOX.reference)

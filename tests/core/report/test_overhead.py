from __future__ import annotations

import attrs
import pytest

from instatune.report.overhead import overhead, ratio, step_ratio


def test_tuning_is_compared_with_plain_fine_tuning(summary):
    summary = attrs.evolve(
        summary,
        stage_seconds={"teach": 100.0, "tune": 300.0, "search": 50.0},
        stage_steps={"teach": 400, "tune": 800},
    )

    assert ratio(summary) == 3.0
    assert step_ratio(summary) == 1.5
    assert "3.0 times" in overhead(summary)
    assert "1.5 times per optimiser step" in overhead(summary)
    assert "The whole run took 4.5 times" in overhead(summary)


@pytest.mark.parametrize("seconds", [{}, {"tune": 3.0}, {"teach": 0.0, "tune": 3.0}])
def test_nothing_is_said_where_there_is_nothing_to_compare(summary, seconds):
    assert overhead(attrs.evolve(summary, stage_seconds=seconds)) == ""


def test_steps_are_left_out_where_they_are_not_known(summary):
    text = overhead(attrs.evolve(summary, stage_steps={}))

    assert "per optimiser step" not in text

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.interfaces import AimInfo
from instatune.report.numbers import (
    NOT_KNOWN,
    Format,
    duration,
    format_of,
    heading,
    percent,
    relative_change,
    scientific,
)


def aim(label="MACs", unit="", exact=True, goal="min") -> AimInfo:
    return AimInfo(name=label, label=label, unit=unit, goal=goal, exact=exact)


def test_fractions_are_written_in_per_cent():
    form = format_of(aim("accuracy", exact=False), [0.806, 0.5])

    assert (form(0.8064), form.with_unit(0.8064)) == ("80.6", "80.6\u00a0%")


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([11.17e9, 5.18e9], "G", "11.2"),
        ([1.42e9], "G", "1.42"),
        ([6.99e8, 1e6], "M", "699"),
        ([2.3e12], "T", "2.30"),
        ([45_000.0], "k", "45.0"),
        ([1200.0], "", "1,200"),
        ([1e30], "T", "1e+18"),
    ],
)
def test_counts_share_one_prefix(values, unit, text):
    form = format_of(aim(), values)

    assert form.unit == unit
    assert form(values[0]) == text


def test_a_quantity_keeps_its_unit():
    form = format_of(aim("latency", unit="ms", exact=False), [12.345])

    assert heading("latency", form) == "latency (ms)"
    assert form(12.345) == "12.3"


@pytest.mark.parametrize(
    ("label", "unit", "value", "text"),
    [
        ("size", "B", 22_713_216.0, "22.7\u00a0MB"),
        ("size", "B", 437_958_696.0, "438\u00a0MB"),
        ("roofline time", "s", 0.0123, "12.3\u00a0ms"),
        ("roofline time", "s", 4.56e-5, "45.6\u00a0µs"),
        ("roofline time", "s", 2e-12, "0.00200\u00a0ns"),
        ("roofline time", "s", 1.5, "1.50\u00a0s"),
        ("roofline time", "s", 0.0, "0.0\u00a0s"),
        ("energy", "J", 0.25, "250\u00a0mJ"),
        ("length", "pages", 0.25, "0.250\u00a0pages"),
    ],
)
def test_units_get_the_prefix_that_people_use(label, unit, value, text):
    assert format_of(aim(label, unit=unit), [value]).with_unit(value) == text


def test_a_unit_that_repeats_the_label_is_written_once():
    assert heading("MACs", format_of(aim(unit="MACs"), [5e9])) == "MACs (G)"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.003, "+0.3"), (-0.003, "−0.3"), (0.0001, "0.0"), (-0.0001, "0.0"), (0, "0.0")],
)
def test_changes_carry_a_sign_unless_they_round_to_nothing(value, text):
    assert Format(factor=100, digits=1).change(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_not_a_number_is_written_as_unknown(value):
    assert Format().change(value) == Format()(value) == NOT_KNOWN


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0\u00a0s"),
        (9.94, "9.9\u00a0s"),
        (59.7, "1\u00a0min 00\u00a0s"),
        (151.2, "2\u00a0min 31\u00a0s"),
        (3599.6, "1\u00a0h 00\u00a0min"),
        (1e9, "277,777\u00a0h 47\u00a0min"),
        (math.nan, NOT_KNOWN),
    ],
)
def test_durations_use_two_units(seconds, text):
    assert duration(seconds) == text


def test_small_numbers_and_shares():
    assert scientific(2.44e-6) == "2.4e−6"
    assert scientific(1e-4, 0) == "1e−4"
    assert scientific(0.0) == "0"
    assert percent(0.274) == "27\u00a0%"


@given(st.floats(), st.floats())
def test_relative_change_is_finite_or_unknown(value, base):
    change = relative_change(value, base)

    assert change is None or math.isfinite(change)


def test_relative_change_has_no_meaning_against_nothing():
    assert relative_change(5.0, 0.0) is None
    assert relative_change(73.0, 100.0) == pytest.approx(-0.27)

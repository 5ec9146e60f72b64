from __future__ import annotations

from typing import Literal

import attrs
import pytest
from attrs.validators import ge, in_
from hypothesis import given
from hypothesis import strategies as st

from instatune.spec.faults import Refused
from instatune.spec.strict import strict_converter


@attrs.frozen(kw_only=True)
class Inner:
    count: int = attrs.field(default=1, validator=ge(1))
    share: float = 0.5


@attrs.frozen(kw_only=True)
class Outer:
    name: str
    flag: bool = False
    mode: Literal["a", "b", 1] = "a"
    maybe: int | None = attrs.field(default=None, validator=attrs.validators.optional(ge(3)))
    numbers: tuple[int, ...] = ()
    pair: tuple[int, str] = (1, "x")
    inner: Inner = attrs.field(factory=Inner)
    table: dict[str, Inner] = attrs.field(factory=dict)
    either: int | tuple[int, ...] = 0
    number: int | float = 0
    low: int = 0
    high: int = attrs.field(default=9)
    color: str = attrs.field(default="red", validator=in_(["red", "green"]))

    @high.validator
    def _above(self, attribute, value):
        if value < self.low:
            raise ValueError(f"high {value} is below low {self.low}")


def structure(data):
    return strict_converter().structure(data, Outer)


def faults(data):
    with pytest.raises(Refused) as caught:
        structure(data)
    return {fault.path: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({"numbers": [1.0]}, ("numbers", 0), "expected int, got float 1.0; write 1"),
        ({"numbers": [1.5]}, ("numbers", 0), "expected int, got float 1.5"),
        ({"numbers": [True]}, ("numbers", 0), "expected int, got bool True"),
        ({"numbers": ["1_000"]}, ("numbers", 0), "expected int, got str '1_000'; write 1000"),
        ({"numbers": "12"}, ("numbers",), "expected list, got str '12'"),
        ({"numbers": {"a": 1}}, ("numbers",), "expected list, got mapping"),
        ({"name": 3}, ("name",), "expected str, got int 3; put it in quotes"),
        ({"name": None}, ("name",), "expected str, got null"),
        ({"flag": 1}, ("flag",), "expected bool, got int 1"),
        (
            {"flag": "yes"},
            ("flag",),
            "expected bool, got str 'yes'; booleans are written true and false",
        ),
        ({"inner": {"share": True}}, ("inner", "share"), "expected float, got bool True"),
        ({"inner": {"share": "3e-4x"}}, ("inner", "share"), "expected float, got str '3e-4x'"),
        (
            {"inner": {"share": float("nan")}},
            ("inner", "share"),
            "expected float, got .nan, which is no number",
        ),
        ({"inner": 3}, ("inner",), "expected mapping, got int 3"),
        ({"table": {"x": {"count": 0}}}, ("table", "x", "count"), "must be >= 1, got 0"),
        ({"table": []}, ("table",), "expected mapping, got list"),
        ({"pair": [1]}, ("pair",), "expected a list of 2, got 1 items"),
        ({"pair": [1, 2]}, ("pair", 1), "expected str, got int 2; put it in quotes"),
        ({"mode": "c"}, ("mode",), "unknown value 'c'"),
        ({"mode": True}, ("mode",), "expected one of a, b, 1, got bool True"),
        ({"maybe": "x"}, ("maybe",), "expected int, got str 'x'"),
        ({"maybe": 2}, ("maybe",), "must be >= 3, got 2"),
        ({"either": [1, "x"]}, ("either", 1), "expected int, got str 'x'"),
        ({"high": 3, "low": 4}, ("high",), "high 3 is below low 4"),
        ({"naem": 3}, ("naem",), "unknown key; did you mean 'name'?"),
    ],
)
def test_nothing_is_coerced(data, path, message):
    assert faults({"name": "n", **data})[path] == message


def test_what_fits_is_taken_as_it_is():
    made = structure(
        {
            "name": "n",
            "numbers": [1, 2],
            "pair": [3, "y"],
            "table": {"k": {"share": 1}},
            "either": [4],
            "mode": 1,
            "maybe": None,
        }
    )
    assert made.numbers == (1, 2)
    assert made.pair == (3, "y")
    assert made.either == (4,)
    assert type(made.table["k"].share) is float


def test_an_int_stays_an_int_where_both_numbers_are_allowed():
    assert type(structure({"name": "n", "number": 3}).number) is int
    assert type(structure({"name": "n", "number": 3.0}).number) is float


def test_all_faults_are_told_at_once():
    found = faults({"flag": 3, "maybe": 1, "inner": {"count": 0, "share": "x"}, "colour": "blue"})
    assert set(found) == {
        ("name",),
        ("flag",),
        ("maybe",),
        ("inner", "count"),
        ("inner", "share"),
        ("colour",),
    }
    assert found[("name",)] == "is missing"


def test_a_validator_that_looks_at_a_faulty_field_stays_silent():
    assert set(faults({"name": "n", "high": 3, "low": "x"})) == {("low",)}


def test_rules_over_several_fields_belong_to_the_whole():
    @attrs.frozen(kw_only=True)
    class Pair:
        a: int = 0
        b: int = 0

        def __attrs_post_init__(self):
            if self.a > self.b:
                raise ValueError("a is above b; swap them")

    with pytest.raises(Refused) as caught:
        strict_converter().structure({"a": 2, "b": 1}, Pair)
    assert [(f.path, f.message) for f in caught.value.faults] == [((), "a is above b; swap them")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_anywhere_is_taken_or_refused_but_never_changed_or_crashed_on(value):
    for field in attrs.fields(Outer):
        try:
            made = getattr(structure({"name": "n", field.name: value}), field.name)
        except Refused:
            continue
        if isinstance(value, (bool, int, str)) or value is None:
            assert made == value
            assert type(made) is type(value)

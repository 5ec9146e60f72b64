"""The text of a plan reads back to the same plan, whatever stands in it."""

from __future__ import annotations

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instatune.spec.loader import parse_value
from instatune.spec.resolve import plan
from instatune.spec.scalars import StrictDumper

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["3e-4", "no", "1:30", "2020-01-01", "0o7", "~", "null", "<<", "=", "true"])
)


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            SCALARS,
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_what_is_dumped_is_read_back(data):
    text = yaml.dump(data, Dumper=StrictDumper, sort_keys=False, allow_unicode=True)
    found, _, problems = parse_value(text, "test")
    assert problems == []
    assert found == data
    assert repr(found) == repr(data)  # 1 == 1.0 == True


def test_text_that_older_readers_take_for_something_else_is_quoted():
    for word in ("no", "3e-4", "2020-01-01", "1:30"):
        assert yaml.dump([word], Dumper=StrictDumper).strip() == f"['{word}']"


names = st.text(
    st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="/\\:."), min_size=1
).filter(lambda text: text.strip() != "" and text.isprintable())

changes = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "run_dir": st.sampled_from(["out", "./a b", "/tmp/x"]),  # noqa: S108 - never made
        "seed": st.integers(0, 10**9),
        "teach": st.fixed_dictionaries(
            {}, optional={"lr": st.floats(1e-8, 1.0), "max_steps": st.none() | st.integers(1, 99)}
        ),
        "tune": st.fixed_dictionaries(
            {},
            optional={
                "sampler": st.sampled_from(["sandwich", {"name": "uniform", "n_random": 3}]),
                "loss": st.sampled_from(["plain", {"name": "instatune", "gamma": "high_cost"}]),
                "warmup": st.floats(0.0, 1.0),
            },
        ),
        "space": st.sampled_from(
            [
                {"depth": [2, 4]},
                {"heads": {"ratio": [0.5, 1.0], "per": "model"}, "depth": [1, 4]},
                {"ffn@instatune": [24, 96]},
            ]
        ),
        "search": st.sampled_from(
            [
                {"strategy": "random", "predictor": "ridge"},
                {"strategy": "random@instatune", "examples": 5},
            ]
        ),
        "objectives": st.sampled_from([["accuracy"], ["params", {"name": "macs", "tokens": 9}]]),
        "constraints": st.dictionaries(
            st.sampled_from(["macs", "params"]),
            st.builds(lambda high: {"max": high}, st.floats(0.01, 1e12)),
        ),
        "reporters": st.sampled_from([[], ["csv"]]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(change=changes)
def test_the_text_of_a_plan_reads_back_to_the_same_plan(spec, plugins, change):
    made = plan({**spec, **change}, plugins)
    again = plan(made.text, plugins)
    assert again == made
    assert again.text == made.text


def test_the_text_holds_every_default(spec, plugins):
    text = plan(spec, plugins).text
    for line in ("run_dir: runs/small", "weight_decay: 0.01", "n_random: 1", "max_steps: null"):
        assert line in text

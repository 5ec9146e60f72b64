from __future__ import annotations

import attrs
import pytest
from attrs.validators import min_len
from jsonschema import Draft202012Validator

from instatune.plugin.entries import ReporterEntry
from instatune.spec.resolve import plan
from instatune.spec.schema import schema
from instatune.spec.schema_types import of_class
from instatune.spec.spelling import as_data


@pytest.fixture(scope="module")
def validator(plugins) -> Draft202012Validator:
    made = schema(plugins)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


GOOD_CHANGES = [
    {},
    {"task": {"name": "python_docs", "max_length": 32}},
    {"space": {"depth": {"choices": [2, 4], "drop": "ranked"}, "ffn": {"ratio": [0.5, 1]}}},
    {"space": {"depth@instatune": [2, 4]}},
    {"search": {"strategy": {"name": "random"}}},
    {"search": {"strategy": "random@instatune", "predictor": "ridge"}},
    {"tune": {"lr": 3e-4, "sampler": {"name": "uniform", "n_random": 2}, "max_steps": None}},
    {"objectives": ["accuracy", {"name": "macs", "tokens": 64}]},
    {"constraints": {"macs": {"max": 0.6}, "params": {"min": 1, "relative": False}}},
    {"reporters": [], "exporters": ["folder"], "seed": 3, "device": "cpu"},
    {"plugins": {"disable": ["x"], "files": ["mine.py"]}},
]

BAD_CHANGES = [
    {"spec": 2},
    {"taks": "python_docs"},
    {"name": "a/b"},
    {"seed": -1},
    {"seed": 1.5},
    {"device": "gpu"},
    {"task": "python_doc"},
    {"task": {"name": "python_docs", "max_lenght": 32}},
    {"task": {"max_length": 32}},
    {"space": {}},
    {"space": {"width": [1, 2]}},
    {"space": {"depth": ["a"]}},
    {"space": {"depth": {"drop": "last"}}},
    {"teach": {"lr": 0}},
    {"teach": {"lr": "3e-4"}},
    {"tune": {"warmup": 2}},
    {"tune": {"sampler": {"name": "uniform", "n_random": -1}}},
    {"search": {"strategy": None}},
    {"objectives": "accuracy"},
    {"objectives": []},
    {"constraints": {"mac": {"max": 1}}},
    {"constraints": {"macs": {}}},
    {"constraints": {"macs": {"most": 1}}},
    {"plugins": {"off": []}},
]


@pytest.mark.parametrize("change", GOOD_CHANGES, ids=str)
def test_good_specs_pass(spec, plugins, validator, change):
    whole = {**spec, **change}
    plan(whole, plugins)  # the schema must not be the only one to like it
    assert list(validator.iter_errors(whole)) == []


@pytest.mark.parametrize("change", BAD_CHANGES, ids=str)
def test_common_mistakes_fail(spec, validator, change):
    assert list(validator.iter_errors({**spec, **change})) != []


@pytest.mark.parametrize("key", ["spec", "name", "model", "task", "space"])
def test_what_is_needed_is_asked_for(spec, validator, key):
    del spec[key]
    assert any(error.validator == "required" for error in validator.iter_errors(spec))


def test_a_resolved_spec_passes(spec, plugins, validator):
    assert list(validator.iter_errors(as_data(plan(spec, plugins).spec))) == []


def test_names_and_texts_of_installed_components_are_in_it(plugins):
    made = schema(plugins)
    strategies = made["$defs"]["strategies"]["anyOf"]
    assert {"linas", "nsga2", "random"} <= set(strategies[0]["enum"])
    assert set(made["properties"]["space"]["properties"]) >= {"depth", "heads", "ffn"}
    assert made["properties"]["tune"]["properties"]["lr"]["description"] == (
        "Peak learning rate of AdamW."
    )
    assert made["properties"]["tune"]["properties"]["sampler"]["default"] == "uniform"


def test_a_component_that_needs_settings_has_no_short_form(spec, offering):
    @attrs.frozen(kw_only=True)
    class Config:
        path: str

    entry = ReporterEntry(name="needy", target="x:Y", summary="s", config=Config)
    validator = Draft202012Validator(schema(offering(entry)))
    assert list(validator.iter_errors({**spec, "reporters": ["needy"]})) != []
    good = {**spec, "reporters": [{"name": "needy", "path": "x"}]}
    assert list(validator.iter_errors(good)) == []


def test_types_bounds_and_texts_of_a_class_are_told():
    @attrs.frozen(kw_only=True)
    class Config:
        """Settings.

        Attributes:
            names: All of
                them.
        """

        names: tuple[str, ...] = attrs.field(default=(), validator=min_len(2))
        pair: tuple[int, float] = (1, 2.0)
        table: dict[str, int] = attrs.field(factory=dict)

    made = of_class(Config)
    assert made == {
        "type": "object",
        "properties": {
            "names": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 2,
                "description": "All of them.",
                "default": [],
            },
            "pair": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "number"}],
                "minItems": 2,
                "maxItems": 2,
                "default": [1, 2.0],
            },
            "table": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        "additionalProperties": False,
    }

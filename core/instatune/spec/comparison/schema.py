"""JSON Schema (draft 2020-12) of comparisons, with the components that are installed."""

from __future__ import annotations

from typing import Any

import attrs

from instatune.plugin.entries import Kind
from instatune.plugin.manager import Plugins
from instatune.spec.comparison.model import ComparisonSpec, Contender
from instatune.spec.comparison.structure import FORMAT
from instatune.spec.model import Constraint
from instatune.spec.schema import component_of
from instatune.spec.schema_types import Schema, documented, of_class

_KINDS: tuple[Kind, ...] = ("benchmarks", "predictors", "reporters")


def schema(plugins: Plugins) -> Schema:
    """Make the schema for what is installed."""
    made = of_class(ComparisonSpec)
    fields = attrs.fields_dict(ComparisonSpec)
    for name, place in _places().items():
        made["properties"][name] = {**place, **documented(ComparisonSpec, fields[name])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"instatune comparison, version {FORMAT.version}",
        **made,
        "$defs": {
            **{kind: component_of(kind, plugins) for kind in _KINDS},
            "contenders": _contender(plugins),
        },
    }


def _places() -> dict[str, Schema]:
    """What stands where the types alone say too little."""
    seed = {"type": "integer", "minimum": 0}
    seeds = {"type": "array", "items": seed, "minItems": 1, "uniqueItems": True}
    return {
        "name": {"type": "string", "pattern": r"^[^./\\:][^/\\:]*$"},
        "benchmark": {"$ref": "#/$defs/benchmarks"},
        "strategies": _list("contenders") | {"minItems": 1},
        "seeds": {"anyOf": [{"type": "integer", "minimum": 1}, seeds]},
        "predictor": {"anyOf": [{"$ref": "#/$defs/predictors"}, {"type": "null"}]},
        "constraints": {"type": "object", "additionalProperties": of_class(Constraint)},
        "reporters": _list("reporters"),
    }


def _list(kind: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{kind}"}}


def _contender(plugins: Plugins) -> Schema:
    """A strategy with its settings, label and predictor beside its name."""
    made = component_of("strategies", plugins)
    fields = attrs.fields_dict(Contender)
    beside: dict[str, Any] = {
        "label": {"type": "string", **documented(Contender, fields["label"])},
        "predictor": {
            "$ref": "#/$defs/predictors",
            **documented(Contender, fields["predictor"]),
        },
    }
    for form in made["anyOf"]:
        if form.get("type") == "object":
            form["properties"] = {**form["properties"], **beside}
    return made

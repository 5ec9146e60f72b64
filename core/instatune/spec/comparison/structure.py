"""From a document to a :class:`ComparisonSpec`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import cattrs

from instatune.errors import Problem
from instatune.spec.classes import structure_class
from instatune.spec.comparison.model import ComparisonSpec, Contender
from instatune.spec.document import Document
from instatune.spec.faults import Fault, Refused, describe
from instatune.spec.formats import Format
from instatune.spec.spelling import dump, plain
from instatune.spec.structure import component, spec_converter

FORMAT = Format(
    key="compare",
    version=1,
    noun="comparison",
    other="spec",
    advice="this is the spec of a run; run it with `instatune run`",
    structures=ComparisonSpec,
)
BESIDE = ("label", "predictor")
"""Keys of a contender that are no settings of its strategy."""


def structure(document: Document) -> tuple[ComparisonSpec | None, list[Problem]]:
    """Structure a document; see :meth:`instatune.spec.formats.Format.structure`."""
    return FORMAT.structure(document, _converter())


def contender(value: Any, _: Any = None) -> Contender:
    """Read ``name`` or ``{name: ..., label: ..., predictor: ..., settings}``."""
    found = component(value)
    settings = dict(found.settings)
    label, predictor = settings.pop("label", found.name), settings.pop("predictor", None)
    faults = []
    if not isinstance(label, str) or not label.strip():
        message = f"expected a name for people, got {describe(label)}"
        faults.append(Fault(("label",), message))
    try:
        made = None if predictor is None else component(predictor)
    except Refused as refused:
        faults += [fault.below("predictor") for fault in refused.faults]
    if faults:
        raise Refused(*faults)
    return Contender(name=found.name, label=label, predictor=made, settings=settings)


def as_yaml(spec: ComparisonSpec) -> str:
    """The comparison as YAML that reads back to it."""
    data: dict[str, Any] = plain(spec)
    data["strategies"] = [_contender_data(item) for item in spec.strategies]
    return dump(data)


def _contender_data(item: Contender) -> dict[str, Any]:
    beside: dict[str, Any] = {"name": item.name, "label": item.label}
    if item.predictor is not None:
        beside["predictor"] = plain(item.predictor)
    settings: Mapping[str, Any] = plain(item.settings)
    return {**beside, **settings}


def _converter() -> cattrs.Converter:
    made = spec_converter()
    made.register_structure_hook(Contender, contender)
    attrs.resolve_types(ComparisonSpec)

    def field(value: Any, field: attrs.Attribute[Any]) -> Any:
        return made.structure(value, field.type)  # type: ignore[arg-type]

    made.register_structure_hook(
        ComparisonSpec, lambda value, _: structure_class(ComparisonSpec, value, field)
    )
    return made

"""From a document to a :class:`Spec`: sections, short forms, the version of the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import cattrs

from instatune.errors import Problem
from instatune.spec.classes import structure_class
from instatune.spec.document import Document
from instatune.spec.faults import Fault, Refused, describe, refuse
from instatune.spec.formats import Format
from instatune.spec.model import Component, Spec
from instatune.spec.strict import strict_converter

FORMAT = Format(
    key="spec",
    version=1,
    noun="spec",
    other="compare",
    advice="this is a comparison; run it with `instatune compare`",
    structures=Spec,
)


def structure(document: Document) -> tuple[Spec | None, list[Problem]]:
    """Structure a document; see :meth:`instatune.spec.formats.Format.structure`."""
    return FORMAT.structure(document, spec_converter())


def component(value: Any, _: Any = None) -> Component:
    """Read ``name`` or ``{name: ..., settings}``."""
    if isinstance(value, str):
        return Component(name=value)
    if not isinstance(value, Mapping):
        raise refuse("a name, or a mapping with 'name'", value)
    settings = dict(value)
    if "name" not in settings:
        raise Refused(Fault((), "'name' is missing; settings stand beside the name of a component"))
    name = settings.pop("name")
    if not isinstance(name, str):
        raise Refused(Fault(("name",), f"expected str, got {describe(name)}"))
    return Component(name=name, settings=settings)


def dimensions(value: Any) -> tuple[Component, ...]:
    """Read ``space:``: dimensions by name, with a list of choices or a mapping of settings."""
    if not isinstance(value, Mapping):
        raise refuse("mapping of dimensions such as 'depth: [3, 6]'", value)
    if not value:
        raise Refused(Fault((), "is empty; name at least one dimension, e.g. 'depth: [3, 6]'"))
    found, faults = [], []
    for name, settings in value.items():
        if isinstance(settings, list):
            found.append(Component(name=name, settings={"choices": settings}))
        elif isinstance(settings, Mapping):
            found.append(Component(name=name, settings=dict(settings)))
        else:
            message = f"expected a list of choices or a mapping, got {describe(settings)}"
            faults.append(Fault((name,), message))
    if faults:
        raise Refused(*faults)
    return tuple(found)


def spec_converter() -> cattrs.Converter:
    """A converter for specs and for the settings of components."""
    made = strict_converter()
    made.register_structure_hook(Component, component)
    attrs.resolve_types(Spec)

    def section(value: Any, field: attrs.Attribute[Any]) -> Any:
        # Its type is that of other lists of components, but it is written as a mapping.
        if field.name == "space":
            return dimensions(value)
        return made.structure(value, field.type)  # type: ignore[arg-type]

    made.register_structure_hook(Spec, lambda value, _: structure_class(Spec, value, section))
    return made

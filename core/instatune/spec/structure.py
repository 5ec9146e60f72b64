"""From a document to a :class:`Spec`: sections, short forms, the version of the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import cattrs

from instatune.errors import Problem, SpecError
from instatune.spec.classes import structure_class
from instatune.spec.document import Document
from instatune.spec.faults import Fault, Refused, describe, refuse
from instatune.spec.model import Component, Spec
from instatune.spec.strict import strict_converter

VERSION = 1


def structure(document: Document) -> tuple[Spec | None, list[Problem]]:
    """Structure a document.

    Returns:
        The spec, None if it is not usable, and all problems, those of reading included.

    Raises:
        SpecError: Of another version of the format: what it calls right is not known here.
    """
    version = _version_problem(document)
    if version is not None:
        raise SpecError([version], document.source)
    problems = list(document.problems)
    try:
        return spec_converter().structure(document.data, Spec), problems
    except Refused as refused:
        problems += [document.problem(f.path, f.message, f.hints) for f in refused.faults]
        return None, problems


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


def _version_problem(document: Document) -> Problem | None:
    version = document.data.get("spec")
    if type(version) is int and version == VERSION:
        return None
    if "spec" not in document.data and "compare" in document.data:
        message = "is missing: this is a comparison; run it with `instatune compare`"
    elif "spec" not in document.data:
        message = f"is missing; write 'spec: {VERSION}', the version of this format"
    elif type(version) is not int:
        message = f"expected the version of the format, got {describe(version)}; write {VERSION}"
    elif version > VERSION:
        message = (
            f"this spec is of version {version}, this instatune reads version {VERSION}; "
            "install a newer instatune"
        )
    else:
        message = f"there is no version {version}; write {VERSION}"
    return document.problem(("spec",), message)

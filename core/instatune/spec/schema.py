"""JSON Schema (draft 2020-12) of specs, with the components that are installed, for editors.

An editor shows completions and most mistakes while one types; ``instatune check`` knows the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import attrs

from instatune.plugin.entries import Entry, Kind, noun
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer
from instatune.spec.classes import settable
from instatune.spec.document import Path
from instatune.spec.model import Component, Constraint, Spec
from instatune.spec.places import LISTED, SINGLE
from instatune.spec.schema_types import Schema, about, documented, of_class, of_field
from instatune.spec.structure import FORMAT

_FULL_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]*@."}  # name@distribution
_KINDS: dict[Path, Kind] = {path: kind for kind, path in SINGLE}
_LISTS: dict[str, Kind] = {section: kind for kind, section in LISTED}


def schema(plugins: Plugins) -> Schema:
    """Make the schema for what is installed."""
    used: list[Kind] = [*_KINDS.values(), *_LISTS.values()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"instatune spec, version {FORMAT.version}",
        **_section(Spec, (), plugins),
        "$defs": {kind: component_of(kind, plugins) for kind in used},
    }


def _section(class_: type, path: Path, plugins: Plugins) -> Schema:
    """A section of the spec; components in it become references to their kind."""
    made = of_class(class_)
    for name, field in settable(class_).items():
        place = (*path, name)
        made["properties"][name] = {**_place(field, place, plugins), **documented(class_, field)}
    return made


def _place(field: attrs.Attribute[Any], path: Path, plugins: Plugins) -> Schema:
    name = field.name
    if path in _KINDS:
        reference = {"$ref": f"#/$defs/{_KINDS[path]}"}
        return {"anyOf": [reference, {"type": "null"}]} if field.default is None else reference
    if path == (name,) and name in _LISTS:
        made: Schema = {"type": "array", "items": {"$ref": f"#/$defs/{_LISTS[name]}"}}
        return {**made, "minItems": 1} if name == "objectives" else made
    if path == ("space",):
        return _space(plugins)
    if path == ("constraints",):
        return _constraints(plugins)
    if path == ("name",):
        return {"type": "string", "pattern": r"^[^./\\:][^/\\:]*$"}
    if attrs.has(field.type or object) and field.type is not Component:
        return _section(cast("type", field.type), path, plugins)
    return of_field(field)


def component_of(kind: Kind, plugins: Plugins) -> Schema:
    """A component of a kind: its name alone, or a mapping of name and settings."""
    offers = plugins[kind].offers()
    alone = [offer.entry.name for offer in offers if not _required(offer.entry)]
    forms: list[Schema] = [{"enum": _distinct(alone)}] if alone else []
    forms += [_long(offer) for offer in offers]
    others = {"type": "object", "required": ["name"], "properties": {"name": _FULL_NAME}}
    return {
        "description": f"Name of the {noun(kind)}, or name and settings.",
        "anyOf": [
            *forms,
            _FULL_NAME,
            others,
        ],
    }


def _long(offer: Offer[Entry]) -> Schema:
    made = _settings(offer.entry)
    made["properties"] = {"name": {"const": offer.entry.name}, **made["properties"]}
    made["required"] = ["name", *made.get("required", [])]
    made["title"] = offer.entry.name
    made["description"] = f"{offer.entry.summary} ({offer.origin})"
    return made


def _settings(entry: Entry) -> Schema:
    if entry.config is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return of_class(entry.config)


def _space(plugins: Plugins) -> Schema:
    dimensions = {}
    for offer in plugins["dimensions"].offers():
        settings = _settings(offer.entry)
        forms = [settings["properties"]["choices"]] if "choices" in settings["properties"] else []
        dimensions[offer.entry.name] = {
            "description": f"{offer.entry.summary} ({offer.origin})",
            "anyOf": [*forms, settings],
        }
    return {
        "type": "object",
        "properties": dimensions,
        "patternProperties": {_FULL_NAME["pattern"]: {"type": ["array", "object"]}},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _constraints(plugins: Plugins) -> Schema:
    names = _distinct(offer.entry.name for offer in plugins["objectives"].offers())
    bounds = of_class(Constraint)
    number = [
        {"required": [bound], "properties": {bound: {"type": "number"}}} for bound in ("min", "max")
    ]
    return {
        "type": "object",
        "description": about(Constraint),
        "propertyNames": {"enum": names},
        "additionalProperties": {**bounds, "anyOf": number},
    }


def _required(entry: Entry) -> list[str]:
    return list(_settings(entry).get("required", []))


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

"""From Python types, attrs classes, validators and docstrings to JSON Schema."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs

from instatune.spec.classes import settable
from instatune.spec.spelling import plain

Schema: TypeAlias = "dict[str, Any]"

_SIMPLE: Mapping[Any, str] = types.MappingProxyType(
    {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
)
_BOUNDS: Mapping[str, str] = types.MappingProxyType(
    {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
)


def of_type(type_: Any) -> Schema:
    """Schema of a type; an empty one, which takes anything, where JSON has no word for it."""
    if type_ in _SIMPLE:
        return {"type": _SIMPLE[type_]}
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [of_type(member) for member in inner]}
    if origin is list or (origin is tuple and inner[-1:] == (Ellipsis,)):
        return {"type": "array", "items": of_type(inner[0])}
    if origin is tuple:
        count = {"minItems": len(inner), "maxItems": len(inner)}
        return {"type": "array", "prefixItems": [of_type(item) for item in inner], **count}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": of_type(inner[1])}
    return of_class(type_) if attrs.has(type_) else {}


def of_class(class_: type) -> Schema:
    """Schema of an attrs class: all its fields, and nothing else."""
    attrs.resolve_types(class_)
    fields = settable(class_)
    made: Schema = {
        "type": "object",
        "properties": {
            name: {**of_field(field), **documented(class_, field)} for name, field in fields.items()
        },
        "additionalProperties": False,
    }
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    return {**made, "required": required} if required else made


def of_field(field: attrs.Attribute[Any]) -> Schema:
    """Schema of one field: its type with the bounds of its validators."""
    # Bounds of numbers do not touch null, so they may stand beside an anyOf.
    return {**of_type(field.type), **dict(_bounds(field.validator))}


def documented(class_: type, field: attrs.Attribute[Any]) -> Schema:
    """Description from the docstring of the class, and the default where it is plain data."""
    made: Schema = {}
    described = _attributes(class_).get(field.name)
    if described is None and attrs.has(field.type or object):
        described = about(field.type or object)
    if described:
        made["description"] = described
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = None if default.takes_self else default.factory()
    default = plain(default)
    if default is not attrs.NOTHING and default is not None and not isinstance(default, dict):
        made["default"] = default
    return made


def about(class_: type) -> str:
    """First line of a docstring, without markup."""
    return _bare((inspect.getdoc(class_) or "").partition("\n")[0])


def _bounds(validator: Any) -> Iterator[tuple[str, Any]]:
    """Bounds that attrs' own validators set; others are left to ``instatune check``."""
    if validator is None:
        return
    for inner in getattr(validator, "_validators", ()):  # several, joined by `and_`
        yield from _bounds(inner)
    if hasattr(validator, "validator"):  # `optional`
        yield from _bounds(validator.validator)
    if getattr(validator, "compare_op", None) in _BOUNDS:
        yield _BOUNDS[validator.compare_op], validator.bound
    if hasattr(validator, "min_length"):
        yield "minItems", validator.min_length


def _attributes(class_: type) -> dict[str, str]:
    """Texts of the section ``Attributes:`` of Google docstrings, inherited ones included."""
    found: dict[str, str] = {}
    for owner in reversed(class_.__mro__[:-1]):
        text = inspect.cleandoc(owner.__doc__ or "").partition("Attributes:\n")[2]
        for item in re.finditer(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
            found[item[1]] = _bare(" ".join(item[2].split()))
    return found


def _bare(text: str) -> str:
    return text.replace("``", "'")

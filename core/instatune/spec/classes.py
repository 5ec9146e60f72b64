"""Structuring of attrs classes: every field, every unknown key and every validator has its say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import attrs

from instatune.spec.faults import Fault, Refused, guess, refuse

T = TypeVar("T")
Fields: TypeAlias = "Mapping[str, attrs.Attribute[Any]]"


def structure_class(
    class_: type[T], value: Any, structure: Callable[[Any, attrs.Attribute[Any]], Any]
) -> T:
    """Structure a mapping into an attrs class.

    Args:
        class_: The class; its types must be resolved.
        value: Plain data.
        structure: For the value of one field; may raise :class:`Refused`.

    Raises:
        Refused: With the faults of all fields.
    """
    if not isinstance(value, Mapping):
        raise refuse("mapping", value)
    fields = settable(class_)
    faults = [unknown_key(key, fields) for key in value if key not in fields]
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in value:
            if field.default is attrs.NOTHING:
                faults.append(Fault((name,), "is missing"))
            continue
        try:
            found[name] = structure(value[name], field)
        except Refused as refused:
            faults += [fault.below(name) for fault in refused.faults]
    faults += _verdicts(class_, fields, found)
    if faults:
        raise Refused(*faults)
    return _make(class_, found)


def settable(class_: type) -> dict[str, attrs.Attribute[Any]]:
    """Fields of an attrs class that a mapping may hold."""
    return {field.name: field for field in attrs.fields(class_) if field.init}


def unknown_key(key: Any, known: Iterable[str]) -> Fault:
    """The fault of a key that nobody reads."""
    names = list(known)
    hints = (f"known: {', '.join(names)}",) if names else ()
    return Fault((key,), f"unknown key{guess(str(key), names)}", hints)


def _make(class_: type[T], found: Mapping[str, Any]) -> T:
    try:
        return class_(**found)
    except (ValueError, TypeError) as error:  # rules over several fields
        raise Refused(Fault((), _text(error))) from error


def _verdicts(class_: type, fields: Fields, found: Mapping[str, Any]) -> list[Fault]:
    """Run every validator on a draft, because attrs itself stops at the first that objects."""
    draft = _draft(class_, fields, found)
    faults = []
    for name, value in found.items():
        field = fields[name]
        if field.validator is None or field.converter is not None:
            continue  # converters run in the constructor only, which validates once more
        try:
            field.validator(draft, field, value)
        except (ValueError, TypeError) as error:
            faults.append(Fault((name,), _verdict(name, value, error)))
        except AttributeError:  # it looks at another field, which is at fault itself
            continue
    return faults


def _draft(class_: type, fields: Fields, found: Mapping[str, Any]) -> object:
    draft: object = object.__new__(class_)
    for name, field in fields.items():
        default: Any = field.default
        if name in found:
            object.__setattr__(draft, name, found[name])
        elif isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            if not default.takes_self:
                object.__setattr__(draft, name, default.factory())
        elif default is not attrs.NOTHING:
            object.__setattr__(draft, name, default)
    return draft


def _verdict(name: str, value: Any, error: Exception) -> str:
    """Turn ``'lr' must be > 0: -1`` into ``must be > 0, got -1``; the place tells the name."""
    text = _text(error).removeprefix(f"{name!r} ")
    if not text.endswith(f": {value}"):
        return text
    return f"{text.removesuffix(f': {value}')}, got {value!r}"


def _text(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__

"""Hooks for numbers, text, booleans and literals: taken as they are, or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args, get_origin

import cattrs

from instatune.spec.faults import Fault, Refused, guess, refuse

Hook: TypeAlias = Callable[[Any, Any], Any]


def register_leaves(converter: cattrs.Converter) -> None:
    """Teach a converter to refuse what it would coerce."""
    for kind in (int, str, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(type(None), _null)
    converter.register_structure_hook_func(_is_literal, _literal)


def _is_literal(type_: Any) -> bool:
    return get_origin(type_) is Literal


def _exactly(kind: type) -> Hook:
    def hook(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise refuse(kind.__name__, value, _repair(kind, value))
        return value

    return hook


def _float(value: Any, _: Any) -> float:
    if type(value) is int:
        return float(value)
    if type(value) is not float:
        raise refuse("float", value, _repair(float, value))
    if math.isnan(value):
        raise Refused(Fault((), "expected float, got .nan, which is no number"))
    return value


def _repair(kind: type, value: Any) -> str:
    """How to mend the usual slips; empty where nothing is obvious."""
    if kind is str and type(value) in (int, float, bool):
        return "; put it in quotes"
    if kind is bool and isinstance(value, str):
        return "; booleans are written true and false"
    if kind in (int, float) and isinstance(value, str):
        bare = value.strip().replace("_", "")
        with_digits = re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", bare)
        return f"; write {bare}" if with_digits else ""
    if kind is int and type(value) is float and value.is_integer():
        return f"; write {int(value)}"
    return ""


def _null(value: Any, _: Any) -> None:
    if value is not None:
        raise refuse("null", value)


def _literal(value: Any, type_: Any) -> Any:
    choices = get_args(type_)
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return value
    allowed = ", ".join(str(choice) for choice in choices)
    if isinstance(value, str):
        message = f"unknown value {value!r}{guess(value, choices)}"
        raise Refused(Fault((), message, (f"allowed: {allowed}",)))
    raise refuse(f"one of {allowed}", value)

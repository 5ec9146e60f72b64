"""Validators of what plugins declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs


def matches(
    pattern: re.Pattern[str], meaning: str
) -> Callable[[Any, attrs.Attribute[str], str], None]:
    """Make a validator of a text field.

    Args:
        pattern: What the whole text must match.
        meaning: What that is, for people.
    """

    def check(entry: Any, attribute: attrs.Attribute[str], value: str) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{attribute.name} {value!r} is not {meaning}")

    return check


def is_attrs(entry: Any, attribute: attrs.Attribute[type | None], value: type | None) -> None:
    """Refuse what is neither nothing nor an attrs class."""
    if value is not None and not (isinstance(value, type) and attrs.has(value)):
        raise ValueError(f"config {value!r} is not an attrs class; decorate it with @attrs.frozen")

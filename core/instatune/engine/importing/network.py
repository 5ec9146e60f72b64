"""A network as DyNAS-T writes it: a Python literal, ``{'d': [2, 4], 'ks': [3, 5, ...], ...}``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from instatune.errors import DataError

Values: TypeAlias = "Mapping[str, int]"
"""Whole numbers by name of the gene."""


@attrs.frozen(kw_only=True)
class Literal:
    """What a cell says.

    Attributes:
        values: All whole numbers; those of a list are called ``key.0``, ``key.1``, ...
        lengths: Length of the list under each key; 1 for a number that stands alone.
    """

    values: Values
    lengths: Mapping[str, int]


def read_literal(cell: str, place: str) -> Literal:
    """Read a cell; nothing in it is run.

    Args:
        cell: Text of a mapping from keys to whole numbers, lists of them, or None.
        place: For messages.

    Raises:
        DataError: It is something else.
    """
    wanted = "write a mapping such as {'d': [2, 4], 'ks': [3, 5]}"
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise DataError(f"{place}: {_short(cell)} is no Python literal; {wanted}") from error
    if not isinstance(found, dict) or not found:
        raise DataError(f"{place}: {_short(cell)} is no mapping; {wanted}")
    lists = {str(key): _list(value) for key, value in found.items() if value is not None}
    for key, items in lists.items():
        if not items or any(type(item) is not int for item in items):
            raise DataError(
                f"{place}: {key!r} is {_short(str(found.get(key)))}; only whole numbers and lists"
                " of them can be searched"
            )
    return Literal(
        values=dict(pair for key, items in lists.items() for pair in _named(key, items)),
        lengths={key: len(items) for key, items in lists.items()},
    )


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _named(key: str, items: list[int]) -> Iterator[tuple[str, int]]:
    if len(items) == 1:
        yield key, items[0]
        return
    for index, item in enumerate(items):
        yield f"{key}.{index}", item


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")

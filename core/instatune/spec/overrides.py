"""Overrides: ``--set a.b=c`` on top of a document.

The right side is YAML, read by the same rules. A number in the path is an index of a list. Setting
something below a short form (``search.strategy.population=30`` where the file says ``strategy:
linas``) writes the short form out first; so does setting something below a default.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import attrs

from instatune.errors import Problem, SpecError
from instatune.spec.document import Document, Path
from instatune.spec.loader import parse_value
from instatune.spec.model import Component
from instatune.spec.places import default_at

_STEP = re.compile(r"[A-Za-z_@][\w@-]*|\d+")


class _Wrong(Exception):
    """Why an override cannot be applied."""


def apply(document: Document, overrides: Iterable[str]) -> Document:
    """Set values in a copy of a document; mistakes become problems of the copy.

    Args:
        document: What was read.
        overrides: Texts such as ``"tune.lr=3e-4"``, applied in order.
    """
    data = copy.deepcopy(document.data)
    lines, origins = dict(document.lines), dict(document.origins)
    problems = list(document.problems)
    for text in overrides:
        try:
            path, value = _split(text)
            path = _set(data, path, value)
        except _Wrong as wrong:
            problems.append(Problem(path=(), message=f"--set {text}: {wrong}"))
            continue
        for known in [known for known in lines if known[: len(path)] == path]:
            del lines[known]
        origins[path] = f"--set {text}"
    return attrs.evolve(document, data=data, lines=lines, origins=origins, problems=tuple(problems))


def _split(text: str) -> tuple[Path, Any]:
    left, equals, right = text.partition("=")
    if not equals:
        raise _Wrong("there is no '='; write section.key=value")
    steps = re.sub(r"\[(\d+)\]", r".\1", left.strip()).split(".")
    if not all(_STEP.fullmatch(step) for step in steps):
        raise _Wrong(f"{left.strip()!r} is no place; write names with dots between, e.g. tune.lr")
    path = tuple(int(step) if step.isdecimal() else step for step in steps)
    try:
        value, _, problems = parse_value(right, "value")
    except SpecError as error:
        raise _Wrong(f"the right side is {error.problems[0].message}") from None
    if problems:
        raise _Wrong(f"the right side is wrong: {problems[0].message}")
    return path, value


def _set(data: dict[str, Any], path: Path, value: Any) -> Path:
    """Set a value in place; gives the outermost path that was rewritten."""
    here: Any = data
    rewritten = path
    for depth, step in enumerate(path[:-1]):
        place = path[: depth + 1]
        _check(here, step, path[:depth])
        below = _get(here, step)
        expanded = _writable(below, place, path[depth + 1])
        if expanded is not below:
            here[step] = expanded
            if below is None:
                rewritten = min(rewritten, place, key=len)
        here = expanded
    _check(here, path[-1], path[:-1])
    here[path[-1]] = value
    return rewritten


def _get(here: Any, step: str | int) -> Any:
    return here.get(step) if isinstance(here, dict) else here[step]


def _check(here: Any, step: str | int, place: Path) -> None:
    """Whether a container can take this step."""
    name = ".".join(map(str, place)) or "the spec"
    if isinstance(here, list) and not isinstance(step, int):
        raise _Wrong(f"{name} is a list; choose an item by its number, e.g. {name}.0")
    if isinstance(here, dict) and isinstance(step, int):
        raise _Wrong(f"{name} is a mapping; {step} is no key of it")
    if isinstance(here, list) and isinstance(step, int) and step >= len(here):
        raise _Wrong(f"{name} has {len(here)} items, numbered from 0; there is no {step}")


def _writable(value: Any, place: Path, step: str | int) -> Any:
    """What to descend into: containers as they are, short forms and defaults written out."""
    if value is None:
        value = _default(place)
    if isinstance(value, str) and isinstance(step, str):
        return {"name": value}
    if isinstance(value, list) and isinstance(step, str) and place[:-1] == ("space",):
        return {"choices": value}
    if isinstance(value, (dict, list)):
        return value
    raise _Wrong(f"{'.'.join(map(str, place))} is {value!r}; nothing can be set below it")


def _default(place: Path) -> Any:
    """What stands at a place if the document says nothing, in short form."""
    default = default_at(place)
    if isinstance(default, Component):
        return default.name
    if isinstance(default, tuple):
        return [item.name if isinstance(item, Component) else item for item in default]
    return {}

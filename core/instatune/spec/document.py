"""Document: a spec as plain data, with the place of every value for messages."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from instatune.errors import Problem, SpecError

Path: TypeAlias = tuple[str | int, ...]
"""Place inside a document, e.g. ``("space", "heads", 2)``."""


@attrs.frozen(kw_only=True)
class Document:
    """What was read, before anybody asked what it means.

    Attributes:
        data: Nested dicts, lists and scalars.
        source: Name for messages, e.g. the file.
        lines: Line of each path, from 1; empty where there is no file.
        origins: Where a path was set if not in the file, e.g. ``"--set seed=3"``.
        problems: What is wrong already, e.g. duplicate keys; reading went on after them.
    """

    data: dict[str, Any]
    source: str = "spec"
    lines: Mapping[Path, int] = attrs.field(factory=dict)
    origins: Mapping[Path, str] = attrs.field(factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: Path, message: str, hints: tuple[str, ...] = ()) -> Problem:
        """Make a problem that knows its line, or which override is to blame."""
        origin = self._origin(path)
        if origin is not None:
            return Problem(path=path, message=message, hints=(*hints, f"set by {origin}"))
        return Problem(path=path, message=message, line=self._line(path), hints=hints)

    def refusal(self, problems: Iterable[Problem]) -> SpecError:
        """The error that tells problems by line; those without one come last, as found."""
        in_order = sorted(problems, key=lambda problem: problem.line or sys.maxsize)
        return SpecError(in_order, self.source)

    def at(self, path: Path) -> Any:
        """Value at a path; None where there is nothing."""
        value: Any = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _line(self, path: Path) -> int | None:
        """Line of the path, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def _origin(self, path: Path) -> str | None:
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
            if path[:length] in self.lines:
                return None
        return None


def is_comparison(document: Document) -> bool:
    """Whether a document wants to be a comparison rather than the spec of a run."""
    return "compare" in document.data and "spec" not in document.data

"""Faults: mistakes found while structuring, before they know their line in a file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import attrs

from instatune.spec.document import Path


@attrs.frozen
class Fault:
    """One mistake, placed relative to the value that was structured."""

    path: Path
    message: str
    hints: tuple[str, ...] = ()

    def below(self, *steps: str | int) -> Fault:
        """The same fault seen from further outside."""
        return attrs.evolve(self, path=(*steps, *self.path))


class Refused(Exception):
    """Carries the faults of one value up to whoever structures what is around it."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(fault.message for fault in faults))


def describe(value: Any) -> str:
    """Say what a value is, for messages: ``str '3e-4x'``, ``list``."""
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        return "mapping" if isinstance(value, dict) else "list"
    return f"{type(value).__name__} {value!r}"


def refuse(expected: str, value: Any, hint: str = "") -> Refused:
    """The usual message for a value of a wrong type."""
    return Refused(Fault((), f"expected {expected}, got {describe(value)}{hint}"))


def guess(word: str, known: Iterable[Any]) -> str:
    """The close match as a half sentence, or nothing."""
    close = get_close_matches(word.lower(), [str(name) for name in known], n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""

"""Formats of documents: each tells its version in a key of its own, and is read in one way."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import attrs
import cattrs

from instatune.errors import Problem
from instatune.spec.document import Document
from instatune.spec.faults import Refused, describe

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Format(Generic[T]):
    """One kind of document.

    Attributes:
        key: Holds the version.
        version: The one that is read here.
        noun: What such a document is called.
        other: Key of the other kind of document.
        advice: What to tell who gives a document of the other kind.
        structures: Class that it is structured into.
    """

    key: str
    version: int
    noun: str
    other: str
    advice: str
    structures: type[T]

    def structure(
        self, document: Document, converter: cattrs.Converter
    ) -> tuple[T | None, list[Problem]]:
        """Structure a document.

        Returns:
            What it says, None if it is not usable, and all problems, those of reading included.

        Raises:
            SpecError: Of the other kind or of another version: what that calls right is not known
                here.
        """
        message = self._misfit(document.data)
        if message is not None:
            raise document.refusal([document.problem((self.key,), message)])
        problems = list(document.problems)
        try:
            return converter.structure(document.data, self.structures), problems
        except Refused as refused:
            problems += [document.problem(f.path, f.message, f.hints) for f in refused.faults]
            return None, problems

    def _misfit(self, data: dict[str, Any]) -> str | None:
        if self.key not in data:
            write = f"write '{self.key}: {self.version}', the version of this format"
            return f"is missing{f': {self.advice}' if self.other in data else f'; {write}'}"
        found = data[self.key]
        if type(found) is not int:
            expected = "expected the version of the format"
            return f"{expected}, got {describe(found)}; write {self.version}"
        if found > self.version:
            return (
                f"this {self.noun} is of version {found}, this instatune reads version"
                f" {self.version}; install a newer instatune"
            )
        if found < self.version:
            return f"there is no version {found}; write {self.version}"
        return None

"""Everything that instatune raises on purpose.

    InstatuneError            something the user can mend                    exit code 2
    ├── SpecError             the spec file: one or more problems
    ├── SpaceError            an architecture or a search space that cannot be
    ├── CheckpointError       a model file: missing, unreadable, of another family
    ├── DataError             a dataset: missing, empty, of one class
    ├── TrainingError         training cannot go on: NaN loss, out of memory
    ├── SearchError           search cannot go on: nothing feasible, nothing new
    ├── StoreError            a run folder or its database: corrupt, full, of a newer version
    │   └── RunLockedError    another process works in this run folder
    ├── ExactnessError        two forms of one network disagree
    └── PluginError           a plugin is missing or misbehaves              exit code 3

Messages say where, what is wrong, and what would be right. Anything else that escapes is a bug
(exit code 1).
"""

from __future__ import annotations

import attrs


class InstatuneError(Exception):
    """Base of all errors that are the user's to mend; shown without a traceback."""

    exit_code = 2


@attrs.frozen(kw_only=True)
class Problem:
    """One thing wrong in a spec.

    Attributes:
        path: Place inside the document, e.g. ``("space", "heads", 2)``.
        message: What is wrong and what would be right.
        line: Line in the file, from 1; None where there is no file.
        hints: Further lines, indented below the message.
    """

    path: tuple[str | int, ...]
    message: str
    line: int | None = None
    hints: tuple[str, ...] = ()

    def render(self, source: str) -> str:
        """Give the text for people: ``file:line: path: message`` and the hints below it."""
        where = f"{source}:{self.line}" if self.line else source
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.path).lstrip(".")
        head = ": ".join(part for part in (where, path, self.message) if part)
        return "\n    ".join((head, *self.hints))


class SpecError(InstatuneError):
    """A spec that cannot be run; carries all its problems at once."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...], source: str = "spec") -> None:
        self.problems = tuple(problems)
        self.source = source
        super().__init__("\n".join(problem.render(source) for problem in self.problems))


class SpaceError(InstatuneError):
    """An architecture or search space that the model cannot have.

    Attributes:
        path: Place of the mistake inside the settings that were being read, may be empty.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        self.path = path
        super().__init__(message)


class CheckpointError(InstatuneError):
    """A model file that is missing, unreadable or of another family."""


class DataError(InstatuneError):
    """A dataset that cannot be learned from."""


class TrainingError(InstatuneError):
    """Training that cannot go on."""


class SearchError(InstatuneError):
    """A search that cannot go on."""


class StoreError(InstatuneError):
    """A run folder or database that cannot be used."""


class RunLockedError(StoreError):
    """Another process works in the same run folder."""


class ExactnessError(InstatuneError):
    """Two forms of one network that should be equal are not."""


class PluginError(InstatuneError):
    """A plugin that is missing, broken or misbehaves."""

    exit_code = 3

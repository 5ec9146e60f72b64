"""Reporter: receives what happens and what came out."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from instatune.interfaces.comparison import Comparison
    from instatune.interfaces.summary import Summary


@attrs.frozen(kw_only=True)
class Progress:
    """How far a long piece of work is.

    Attributes:
        stage: Name of the stage.
        task: What is being done, e.g. ``"epoch 2 of 3"``.
        done: Units done, from 0. The first report of a resumed work starts above 0.
        total: Units in all.
        unit: Of the count, e.g. ``"step"``.
        values: Live numbers worth showing, e.g. ``{"loss": 0.41}``.
    """

    stage: str
    task: str
    done: int
    total: int
    unit: str = "step"
    values: Mapping[str, float] = attrs.field(factory=dict)


class Reporter(ABC):  # noqa: B024 - every method is optional
    """Receives events in order, in the main process. Every method is optional.

    A reporter that raises is switched off for the rest of the run and named at its end; it never
    stops the run.
    """

    def __init__(self, config: Any, run_dir: Path) -> None:
        """Take the settings of the entry's ``config`` class and the folder of the run."""
        self.config = config
        self.run_dir = run_dir

    def run_started(self, title: str, stages: tuple[str, ...]) -> None:
        """A run begins or goes on."""
        return None

    def stage_started(self, stage: str, about: str) -> None:
        """A stage begins; ``about`` says in a few words what it does."""
        return None

    def stage_skipped(self, stage: str) -> None:
        """A stage was finished by an earlier run with the same inputs."""
        return None

    def stage_finished(self, stage: str, seconds: float, outcome: str) -> None:
        """A stage is done; ``outcome`` says in a few words what came out."""
        return None

    def progress(self, progress: Progress) -> None:
        """Called at every step of long work: be quick."""
        return None

    def message(self, text: str) -> None:
        """Something worth knowing that is no error."""
        return None

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """The results are there; write them. Returns the files written."""
        return ()

    def compared(self, comparison: Comparison) -> tuple[Path, ...]:
        """Strategies were compared; write what came out. Returns the files written.

        A comparison ends with this instead of :meth:`finished`.
        """
        return ()

    def failed(self, error: BaseException) -> None:
        """The run stops with an error or Ctrl-C; what was done stays."""
        return None

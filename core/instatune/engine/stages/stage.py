"""Stage: one step of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from instatune.engine.folder import RunFolder
from instatune.engine.workshop import Workshop
from instatune.plugin.settings import NEWER
from instatune.spec.model import TrainingSection
from instatune.spec.plan import Part


@attrs.frozen
class Outcome:
    """What a stage gives back.

    Attributes:
        text: What came out, in a few words.
        earlier_seconds: Time that earlier, interrupted tries of it took.
        scratch: Files that nobody needs once the stage is on record as finished.
    """

    text: str
    earlier_seconds: float = 0.0
    scratch: tuple[Path, ...] = ()


@attrs.frozen(kw_only=True)
class Stage:
    """What to do, and what the outcome depends on besides the stages before.

    Attributes:
        name: Short verb.
        about: What it does, in a few words.
        reads: Plain data that decides the outcome; a stage whose data and predecessors are
            unchanged is skipped.
        run: Does it: writes files into the run folder.
        always: Never skipped, because it is cheap and later stages need what it loads.
        writes: What later stages need of it; the stage runs again if any of these is missing.
    """

    name: str
    about: str
    reads: Callable[[Workshop], Any]
    run: Callable[[Workshop], Outcome]
    always: bool = False
    writes: Callable[[RunFolder], Sequence[Path]] = lambda folder: ()


def files(*names: str) -> Callable[[RunFolder], Sequence[Path]]:
    """The same files in every run, given by their paths inside of the run folder."""
    return lambda folder: [folder.path / name for name in names]


def spelled(part: Part | None) -> Any:
    """Plain data that identifies a component and its settings."""
    if part is None:
        return None
    settings = None if part.config is None else attrs.asdict(part.config, filter=_decides)
    return [part.kind, part.name, part.distribution, settings]


def _decides(setting: attrs.Attribute[Any], value: Any) -> bool:
    """A setting that is newer than its component is left out at its default."""
    return not (setting.metadata.get(NEWER) and value == setting.default)


def recipe(section: TrainingSection) -> dict[str, Any]:
    """Settings of a training that decide its outcome: not how often it is saved."""
    return {
        key: value
        for key, value in attrs.asdict(section).items()
        if key not in ("checkpoint_seconds", "sampler", "loss")
    }

"""A run: the stages one after the other, each skipped if nothing that it reads has changed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import torch

from instatune.engine.environment import environment
from instatune.engine.events import Events
from instatune.engine.folder import RunFolder, StageRecord
from instatune.engine.stages import STAGES, Stage
from instatune.engine.summary import summarise
from instatune.engine.workshop import Workshop
from instatune.errors import SpecError, StoreError, TrainingError
from instatune.files import full, is_full, write_json, write_text
from instatune.interfaces import Reporter, Row, Summary
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import load_target
from instatune.spec.plan import Plan
from instatune.spec.resolve import plan, prepare

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(slots=False)
class Run:
    """A finished run.

    Attributes:
        summary: All results as plain data.
        plugins: What took part, for loading.
    """

    summary: Summary
    plugins: Plugins = attrs.field(repr=False)

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        return self.summary.run_dir

    @cached_property
    def front(self) -> tuple[Row, ...]:
        """Chosen networks, the largest first."""
        return self.summary.front

    def load(self, row: Row) -> nn.Module:
        """Load an exported network as an ordinary module in eval mode."""
        from instatune.supernet import subnet

        return subnet.load(self.run_dir / row.folder, self.plugins)


def run(
    spec: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    plugins: Plugins | None = None,
) -> Run:
    """Run a spec from wherever its run folder stands to the report.

    Args:
        spec: Path of a YAML file, or the same as a mapping.
        overrides: As on the command line: ``"search.evaluations=50"``.
        plugins: What may take part; if None, everything installed that the spec does not disable.

    Returns:
        The results.

    Raises:
        SpecError: The spec cannot be run; lists every problem.
        InstatuneError: Anything else that the user can mend.
    """
    if plugins is None:
        made, plugins = prepare(spec, overrides)
    else:
        made = plan(spec, plugins, overrides)
    finished = run_plan(made, plugins)
    if finished is None:
        raise StoreError("the run stopped before its report")
    return finished


def run_plan(made: Plan, plugins: Plugins, *, stop_after: str | None = None) -> Run | None:
    """Run a plan.

    Args:
        made: Checked and resolved.
        plugins: What may take part.
        stop_after: Name of the last stage to run; None for all.

    Returns:
        The results, None if it was told to stop before the report.
    """
    stages = _until(stop_after)
    folder = RunFolder(made.run_dir)
    with folder.locked():
        folder.sweep()
        events = Events(_reporters(made), folder.path / "events.jsonl")
        shop = Workshop(made, plugins, folder, events)
        try:
            events.run_started(made.spec.name, tuple(stage.name for stage in stages))
            write_text(folder.path / "plan.yaml", made.text)
            write_json(folder.path / "environment.json", environment())
            for stage in stages:
                _run_stage(stage, shop)
            for reason in events.switched_off:
                events.message(f"switched off during the run: reporter {reason}")
            names = [stage.name for stage in STAGES if stage.name != "report"]
            return Run(summarise(shop, names), plugins) if stop_after is None else None
        except BaseException as error:
            events.failed(error)
            raise
        finally:
            shop.close()


def _run_stage(stage: Stage, shop: Workshop) -> None:
    started = time.monotonic()  # what a stage reads is loaded for its key: data, for example
    key = _key(stage, shop)
    shop.keys[stage.name] = key
    if _is_done(stage, key, shop.folder):
        shop.events.stage_skipped(stage.name)
        return
    shop.events.stage_started(stage.name, stage.about)
    with _explained(stage.name, shop.folder):
        outcome = stage.run(shop)
    seconds = time.monotonic() - started + outcome.earlier_seconds
    shop.folder.finish(stage.name, StageRecord(key=key, seconds=seconds, outcome=outcome.text))
    for path in outcome.scratch:
        path.unlink(missing_ok=True)
    shop.events.stage_finished(stage.name, seconds, outcome.text)


@contextmanager
def _explained(stage: str, folder: RunFolder) -> Iterator[None]:
    """Turn what the machine lacks into what can be done about it, wherever it shows."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{stage}: out of memory; use a smaller batch_size or precision: bf16"
        ) from error
    except OSError as error:
        if is_full(error):
            raise full(Path(error.filename or folder.path)) from error
        raise


def _is_done(stage: Stage, key: str, folder: RunFolder) -> bool:
    """Whether a stage finished with this key, and what it wrote is still there."""
    known = folder.record(stage.name)
    if known is None or known.key != key or stage.always:
        return False
    return all(path.exists() for path in stage.writes(folder))


def _key(stage: Stage, shop: Workshop) -> str:
    """Hash of what a stage reads: its part of the plan, and the keys of all stages before it."""
    text = json.dumps([list(shop.keys.values()), stage.reads(shop)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _reporters(made: Plan) -> list[tuple[str, Reporter]]:
    return [
        (part.name, load_target(part.entry, Reporter)(part.config, made.run_dir))
        for part in made.reporters
    ]


def _until(stop_after: str | None) -> tuple[Stage, ...]:
    names = [stage.name for stage in STAGES]
    if stop_after is None:
        return STAGES
    if stop_after not in names:
        from instatune.errors import Problem

        message = f"no stage is called {stop_after!r}; the stages are {', '.join(names)}"
        raise SpecError([Problem(path=(), message=message)], source="--stop-after")
    return STAGES[: names.index(stop_after) + 1]

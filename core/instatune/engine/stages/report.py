"""report: put the summary together and hand it to the reporters."""

from __future__ import annotations

from typing import Any

from instatune.engine.stages.stage import Outcome, Stage, spelled
from instatune.engine.summary import summarise
from instatune.engine.workshop import Workshop

_BEFORE = ("load", "teach", "elastic", "order", "tune", "search", "verify", "export", "measure")


def _reads(shop: Workshop) -> Any:
    return [spelled(part) for part in shop.plan.reporters]


def _run(shop: Workshop) -> Outcome:
    written = shop.events.finished(summarise(shop, _BEFORE))
    return Outcome(f"{len(written)} files in {shop.folder.path / 'report'}")


STAGE = Stage(name="report", about="write the report", reads=_reads, run=_run, always=True)

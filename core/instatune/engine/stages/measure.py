"""measure: run what was exported as its users will, and see that it is what was searched."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs
from torch import Tensor

from instatune.engine.artefacts import compare, judged, size
from instatune.engine.evaluate import Evaluator
from instatune.engine.rows import architecture_of, chosen_rows, read_front, reference_rows
from instatune.engine.stages.search import make_evaluator
from instatune.engine.stages.stage import Outcome, Stage, files, spelled
from instatune.engine.stages.tune import tuned
from instatune.engine.workshop import Workshop
from instatune.files import read_json, write_json
from instatune.interfaces import Artefact, Batch, Measurement, Progress, Row, Runner
from instatune.metrics.timing import time_interleaved
from instatune.plugin.entries import ExporterEntry

_WARM_UP = 2


def _reads(shop: Workshop) -> Any:
    return {
        "exporters": [spelled(part) for part in shop.plan.exporters],
        "deploy": attrs.asdict(shop.plan.spec.deploy),
    }


def _run(shop: Workshop) -> Outcome:
    exported = _exported(shop)
    evaluator = make_evaluator(shop, tuned(shop), "test", "fp32")
    found: dict[str, list[Artefact]] = {}
    runners: dict[tuple[str, str], Runner] = {}
    start = Progress(
        stage="measure", task="run on the test split", done=0, total=len(exported), unit="network"
    )
    for row, folder in shop.events.counted(start, exported):
        mine = _runners(shop, shop.folder.path / folder)
        found[row.key] = _compared(shop, evaluator, row, folder, mine)
        good = [artefact.format for artefact in found[row.key] if not artefact.problem]
        runners |= {(row.key, name): mine[name] for name in good}
    seconds = _timed(shop, evaluator, runners)
    shop.folder.reopen("measure")
    for row, folder in exported:
        for artefact in found[row.key]:
            if artefact.problem:
                shop.events.message(f"{row.name} as {artefact.format}: {artefact.problem}")
                _withdraw(shop, folder, artefact.format)
    write_json(
        shop.folder.path / "artefacts.json",
        {
            key: [
                attrs.asdict(
                    attrs.evolve(artefact, seconds=seconds.get((key, artefact.format), {}))
                )
                for artefact in artefacts
            ]
            for key, artefacts in found.items()
        },
    )
    every = [artefact for artefacts in found.values() for artefact in artefacts]
    failed = sum(bool(artefact.problem) for artefact in every)
    return Outcome(f"{len(every)} artefacts run" + (f", {failed} refused" if failed else ""))


def _exported(shop: Workshop) -> list[tuple[Row, str]]:
    """Rows that were exported, with their folders."""
    front, folders = read_front(shop.folder), read_json(shop.folder.path / "exports.json")
    rows = {row.key: row for row in (*reference_rows(front), *chosen_rows(front))}
    return [(rows[key], folder) for key, folder in folders.items() if key in rows]


def _runners(shop: Workshop, folder: Any) -> dict[str, Runner]:
    made: dict[str, Runner] = {}
    for part, exporter in shop.exporters:
        if cast("ExporterEntry", part.entry).runs and exporter.artefact(folder):
            try:
                runner = exporter.runner(folder, shop.plan.spec.deploy.threads)
            except Exception as error:  # of whatever library reads it
                runner = _failing(error)
            if runner is not None:
                made[part.name] = runner
    return made


def _failing(error: Exception) -> Runner:
    """What could not be loaded cannot be run: that is noted as of any other artefact."""

    def run(batch: Batch) -> Tensor:
        raise error

    return run


def _compared(
    shop: Workshop, evaluator: Evaluator, row: Row, folder: str, runners: Mapping[str, Runner]
) -> list[Artefact]:
    reference = evaluator.bench.outputs(architecture_of(row))
    tolerance = shop.plan.spec.deploy.tolerance
    sizes = _sizes(shop, folder)
    runtimes = {
        part.name: cast("ExporterEntry", part.entry).runtime for part in shop.plan.exporters
    }
    return [
        attrs.evolve(judged(artefact, tolerance), bytes=sizes[name], runtime=runtimes[name])
        for name, artefact in compare(runners, reference, shop.task).items()
    ]


def _sizes(shop: Workshop, folder: str) -> dict[str, int]:
    place = shop.folder.path / folder
    return {part.name: size(exporter.artefact(place)) for part, exporter in shop.exporters}


def _timed(
    shop: Workshop, evaluator: Evaluator, runners: Mapping[tuple[str, str], Runner]
) -> dict[tuple[str, str], dict[str, Measurement]]:
    """Median seconds by network and format, then by number of examples."""
    deploy = shop.plan.spec.deploy
    found: dict[tuple[str, str], dict[str, Measurement]] = {place: {} for place in runners}
    if not deploy.repeats or not runners:
        return found
    start = Progress(
        stage="measure", task="time", done=0, total=len(deploy.batch_sizes), unit="batch size"
    )
    for count in shop.events.counted(start, list(deploy.batch_sizes)):
        batch = evaluator.bench.example(count, None)
        timings = time_interleaved(
            {place: _call(runner, batch) for place, runner in runners.items()},
            repeats=deploy.repeats,
            warmup=_WARM_UP,
        )
        for place, timing in timings.items():
            found[place][str(count)] = Measurement(timing.median, timing.error, timing.n)
    return found


def _call(runner: Runner, batch: Batch) -> Any:
    def call() -> Tensor:
        return runner(batch)

    return call


def _withdraw(shop: Workshop, folder: str, name: str) -> None:
    """Remove an artefact that is not what was searched, so that nobody deploys it."""
    place = shop.folder.path / folder
    for part, exporter in shop.exporters:
        if part.name == name:
            for file in exporter.artefact(place):
                shutil.rmtree(file, ignore_errors=True) if file.is_dir() else file.unlink(True)


def artefacts(shop: Workshop) -> dict[str, Sequence[Artefact]]:
    """What this stage found, by key of the network."""
    data = read_json(shop.folder.path / "artefacts.json")
    return {key: [_read(item) for item in items] for key, items in data.items()}


def _read(item: Mapping[str, Any]) -> Artefact:
    seconds = {size: Measurement(**value) for size, value in item["seconds"].items()}
    return Artefact(**{**item, "accuracy": Measurement(**item["accuracy"]), "seconds": seconds})


STAGE = Stage(
    name="measure",
    about="run what was exported",
    reads=_reads,
    run=_run,
    writes=files("artefacts.json"),
)

"""load: read the data and the checkpoint, and say what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from instatune.engine.stages.stage import Outcome, Stage, spelled
from instatune.engine.weights import digest
from instatune.engine.workshop import Workshop
from instatune.errors import DataError
from instatune.files import write_json


def _reads(shop: Workshop) -> Any:
    plan = shop.plan
    return {
        "adapter": spelled(plan.adapter),
        "checkpoint": _checkpoint_digest(Path(plan.checkpoint)) or plan.checkpoint,
        "task": spelled(plan.task),
        "data": shop.splits.fingerprint,
        "seed": plan.spec.seed,
    }


def _run(shop: Workshop) -> Outcome:
    splits = shop.splits
    sizes = {name: len(getattr(splits, name)) for name in ("train", "search", "test")}
    for name, size in sizes.items():
        if size == 0:
            raise DataError(f"task {shop.plan.task.name!r}: the {name} split is empty")
    facts = {"labels": splits.labels, "sizes": sizes, "description": splits.description}
    write_json(shop.folder.path / "load.json", facts)
    counts = ", ".join(f"{size:,} {name}" for name, size in sizes.items())
    classes = f", {len(splits.labels)} classes" if splits.labels else ""
    return Outcome(f"{counts} examples{classes}")


def _checkpoint_digest(folder: Path) -> list[tuple[str, str]] | None:
    """Digests of weights and configuration; None for a name on a hub."""
    if folder.is_file():
        return [(folder.name, digest(folder))]
    if not folder.is_dir():
        return None
    kinds = (".safetensors", ".bin", ".json", ".txt")
    files = sorted(path for path in folder.iterdir() if path.suffix in kinds)
    return [(path.name, digest(path)) for path in files]


STAGE = Stage(name="load", about="read data and checkpoint", reads=_reads, run=_run, always=True)

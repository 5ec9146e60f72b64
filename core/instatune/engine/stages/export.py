"""export: write each chosen network in every format, and check what can be read back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from instatune.engine.folder import RunFolder
from instatune.engine.network import network_of
from instatune.engine.rows import chosen_rows, read_front, read_verified, reference_rows
from instatune.engine.stages.stage import Outcome, Stage, spelled
from instatune.engine.stages.tune import tuned
from instatune.engine.stages.verify import check_exact
from instatune.engine.workshop import Workshop
from instatune.files import read_json, replacing_folder, write_json
from instatune.interfaces import Network, Progress, Row
from instatune.plugin.entries import ExporterEntry
from instatune.supernet import subnet

_BASELINES = ("largest", "quantized")


def _reads(shop: Workshop) -> Any:
    return [spelled(part) for part in shop.plan.exporters]


def _run(shop: Workshop) -> Outcome:
    front = read_front(shop.folder)
    rows = chosen_rows(front)
    test = read_verified(shop.folder)["test"]
    supernet = tuned(shop)
    folders: dict[str, str] = {}
    shop.folder.reopen("export")
    homes = _homes(shop.folder, front)
    start = Progress(stage="export", task="write", done=0, total=len(homes), unit="network")
    for row, home in shop.events.counted(start, homes):
        scores = {name: value[0] for name, value in test[row.key].items()}
        network = network_of(shop, supernet, row, test=scores)
        folder = _export(shop, network, home)
        folders[row.key] = str(folder.relative_to(shop.folder.path))
    _clear(shop.folder, keep=folders)
    write_json(shop.folder.path / "exports.json", folders)
    formats = ", ".join(part.name for part in shop.plan.exporters)
    return Outcome(f"{len(rows)} networks as {formats} in {shop.folder.subnets}")


def _homes(folder: RunFolder, front: Mapping[str, Any]) -> list[tuple[Row, Path]]:
    """Where networks go: those of the front, and the baselines that their artefacts are held to."""
    chosen = [(row, folder.subnets / row.key) for row in chosen_rows(front)]
    known = {row.key for row, _ in chosen}
    return chosen + [
        (row, folder.path / "baselines" / row.key)
        for row in reference_rows(front)
        if row.role in _BASELINES and row.key not in known
    ]


def _export(shop: Workshop, network: Network, folder: Path) -> Path:
    """Write into a folder beside, so that a folder with the final name is always whole."""
    with replacing_folder(folder) as partial:
        for part, exporter in shop.exporters:
            entry = cast("ExporterEntry", part.entry)
            if not entry.writes(quantized=bool(network.policy)):
                continue
            exporter.export(network, partial)
            if entry.loadable:
                _check_readable(shop, network, partial)
    return folder


def _clear(folder: RunFolder, keep: Mapping[str, str]) -> None:
    """Remove networks of an earlier front: beside the new ones they would be taken for them."""
    known = folder.path / "exports.json"
    earlier = read_json(known) if known.exists() else {}
    for key in earlier.keys() - keep.keys():
        shutil.rmtree(folder.path / earlier[key], ignore_errors=True)


def _written(folder: RunFolder) -> Sequence[Path]:
    known = folder.path / "exports.json"
    folders = read_json(known).values() if known.exists() else ()
    return [known, *(folder.path / place for place in folders)]


def _check_readable(shop: Workshop, network: Network, folder: Path) -> None:
    batch = shop.batches("search", 8, limit=8)[0]
    reloaded = subnet.load(folder, shop.plugins)
    with torch.inference_mode():
        gap = shop.logits(reloaded, batch) - shop.logits(network.deployed, batch)
    check_exact(network.architecture.key, "exported", float(gap.abs().max()))


STAGE = Stage(
    name="export", about="write deployable networks", reads=_reads, run=_run, writes=_written
)

"""Export one network into a scratch folder and load it back, to be timed as its users run it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from torch import Tensor

from instatune.engine.network import network_at
from instatune.engine.workshop import Workshop
from instatune.errors import SearchError
from instatune.interfaces import Batch, Exporter, Measurement, Runner
from instatune.plugin.entries import ExporterEntry
from instatune.space import Architecture
from instatune.supernet.supernet import Supernet


def deploy(
    shop: Workshop, supernet: Supernet, architecture: Architecture, exporter: str, threads: int
) -> Runner:
    """Give the runner of a network in a format of the run.

    Raises:
        SearchError: The spec names no such exporter, or it cannot run this network.
    """
    entry, writes = _find(shop, exporter)
    network = network_at(shop, supernet, architecture)
    if not entry.writes(quantized=bool(network.policy)):
        kind = "quantized networks" if network.policy else "networks in full precision"
        raise SearchError(f"runtime {exporter!r} does not write {kind}; use another one")
    # It lives as long as the runner, which may read from it.
    folder = tempfile.TemporaryDirectory(prefix=".runtime-", dir=shop.folder.path)
    writes.export(network, Path(folder.name))
    runner = writes.runner(Path(folder.name), threads)
    if runner is None:
        raise SearchError(f"runtime {exporter!r} cannot run what it writes; use another one")
    return partial(_run, runner, folder)


def remembered(
    shop: Workshop, supernet: Supernet, identity: str
) -> Callable[[str, Callable[[], Measurement]], Measurement]:
    """A function that measures something once for a super-network, and then looks it up."""
    largest = supernet.space.largest

    def once(name: str, measure: Callable[[], Measurement]) -> Measurement:
        place = (identity, largest, f"once {name}")
        found = shop.store.get(*place, "")
        if found is None:
            found = measure()
            shop.store.put(*place, "", found)
        return found

    return once


def _run(runner: Runner, folder: object, batch: Batch) -> Tensor:
    return runner(batch)


def _find(shop: Workshop, name: str) -> tuple[ExporterEntry, Exporter]:
    for part, exporter in shop.exporters:
        entry = cast("ExporterEntry", part.entry)
        if part.name == name and entry.runs:
            return entry, exporter
    known = [p.name for p, _ in shop.exporters if cast("ExporterEntry", p.entry).runs]
    raise SearchError(
        f"runtime {name!r} is no exporter of this run whose networks can be run; add it under "
        f"'exporters', or use one of {', '.join(map(repr, known)) or 'none'}"
    )

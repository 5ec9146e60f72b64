"""Exporters whose files are not what was searched: one answers otherwise, one cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from instatune.interfaces import Batch, Exporter, Network, Runner
from instatune.plugin import hookimpl
from instatune.plugin.entries import ExporterEntry
from instatune.supernet.subnet import load


class Liar(Exporter):
    """Turns the signs of all logits."""

    name = "liar"

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        file = directory / f"{self.name}.bin"
        file.write_bytes(b"x" * 100)
        return (file,)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        return tuple(directory.glob(f"{self.name}.bin"))

    def runner(self, directory: Path, threads: int) -> Runner:
        model = load(directory)

        def run(batch: Batch):
            taken = {name: batch[name] for name in ("input_ids", "attention_mask")}
            return -model(**taken).logits

        return run


class Broken(Liar):
    """Cannot be loaded."""

    name = "broken"

    def runner(self, directory: Path, threads: int) -> Runner:
        raise OSError("the file is of no known format")


@hookimpl
def instatune_exporters() -> Iterator[ExporterEntry]:
    for name in ("liar", "broken"):
        yield ExporterEntry(
            name=name,
            target=f"{__name__}:{name.capitalize()}",
            summary="not what was searched",
            runs=True,
            quantized=True,
        )

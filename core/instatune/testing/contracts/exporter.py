"""Contract of exporters."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from instatune.interfaces import Exporter, Network
from instatune.plugin.entries import ExporterEntry, Kind
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect

if TYPE_CHECKING:
    from torch import Tensor, nn

_PICKLE_START = b"\x80"  # the PROTO opcode, in front of every pickle since protocol 2


class ExporterContract(Contract):
    """Writes what it says it writes, nothing that can run code, and leaves the network alone.

    Attributes:
        tolerance: Largest difference of logits after loading, for loadable formats.
    """

    kind: ClassVar[Kind] = "exporters"
    tolerance: ClassVar[float] = 1e-4

    def network(self) -> Network:
        """A tiny extracted sub-network."""
        from instatune.testing import tiny

        return tiny.network()

    def logits(self, model: nn.Module) -> Tensor:
        """Run it on a fixed batch."""
        import torch

        from instatune.testing import tiny

        with torch.inference_mode():
            return self.network().adapter.logits(model, tiny.batches()[0])

    def export(self, directory: Path, network: Network | None = None) -> tuple[Path, ...]:
        """Write with a fresh exporter."""
        exporter = cast("Exporter", self.make())
        return tuple(exporter.export(network or self.network(), directory))

    def test_it_names_every_file_that_it_writes(self, tmp_path: Path) -> None:
        written = {Path(path).resolve() for path in self.export(tmp_path)}
        there = {path.resolve() for path in tmp_path.rglob("*") if path.is_file()}
        expect(written, "nothing was written")
        expect(written == there, f"returned {sorted(written)}, but there are {sorted(there)}")

    def test_files_of_other_formats_stay(self, tmp_path: Path) -> None:
        other = tmp_path / "other-format.xyz"
        other.write_text("mine", encoding="utf-8")
        self.export(tmp_path)
        expect(other.is_file() and other.read_text(encoding="utf-8") == "mine", f"{other} changed")

    def test_writing_twice_gives_the_same_files(self, tmp_path: Path) -> None:
        first = self.export(tmp_path)
        expect(set(self.export(tmp_path)) == set(first), "the second export wrote other files")

    def test_nothing_is_pickled(self, tmp_path: Path) -> None:
        for path in self.export(tmp_path):
            expect(not _holds_pickle(Path(path)), f"{path} holds a pickle, which can run any code")

    def test_the_network_is_left_as_it_was(self, tmp_path: Path) -> None:
        network = self.network()
        before = {name: t.tolist() for name, t in network.model.state_dict().items()}
        self.export(tmp_path, network)
        after = {name: t.tolist() for name, t in network.model.state_dict().items()}
        expect(before == after, "exporting changed the weights of the network")

    def test_a_loadable_format_computes_the_same(self, tmp_path: Path) -> None:
        if not cast("ExporterEntry", self.offer().entry).loadable:
            return
        from instatune.supernet import subnet
        from instatune.testing import tiny

        network = self.network()
        self.export(tmp_path, network)
        loaded = subnet.load(tmp_path, tiny.plugins())
        difference = float((self.logits(loaded) - self.logits(network.model)).abs().max())
        expect(difference <= self.tolerance, f"logits differ by {difference} after loading")


def _holds_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(1) == _PICKLE_START:
            return True
    if not zipfile.is_zipfile(path):
        return False
    return any(name.endswith(".pkl") for name in zipfile.ZipFile(path).namelist())

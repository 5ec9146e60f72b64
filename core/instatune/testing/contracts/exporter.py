"""Contract of exporters."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, ClassVar, cast

import attrs

from instatune.errors import InstatuneError
from instatune.interfaces import Batch, Exporter, Network
from instatune.plugin.entries import ExporterEntry, Kind
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect

if TYPE_CHECKING:
    from torch import Tensor, nn

_PICKLE_START = b"\x80"  # the PROTO opcode, in front of every pickle since protocol 2


class ExporterContract(Contract):
    """Writes what it says it writes, nothing that can run code, and leaves the network alone.

    What runs computes as the network does, for all sizes of a batch.

    Attributes:
        tolerance: Largest difference of logits in full precision after loading.
        quantized_tolerance: The same for quantized networks, as a share of the largest logit.
        agreement: Share of the examples on which both must give the same class, at least.
    """

    kind: ClassVar[Kind] = "exporters"
    tolerance: ClassVar[float] = 1e-4
    quantized_tolerance: ClassVar[float] = 0.1
    agreement: ClassVar[float] = 0.9
    _written: ClassVar[list[tuple[Path, tuple[Path, ...]]]]

    def __init_subclass__(cls) -> None:
        cls._written = []  # exporting is slow: once for the tests of a class that only read

    def network(self) -> Network:
        """A tiny extracted sub-network of a kind that the format is for."""
        return self.full_network() if self._entry.full else self.quantized_network()

    def full_network(self) -> Network:
        """One in full precision."""
        from instatune.testing import quantized, tiny

        return attrs.evolve(tiny.network(), example=quantized.example())

    def quantized_network(self) -> Network:
        """One with integers."""
        from instatune.testing import quantized

        return quantized.network()

    @property
    def _entry(self) -> ExporterEntry:
        return cast("ExporterEntry", self.offer().entry)

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

    def exported(self, directory: Path) -> tuple[Path, ...]:
        """The same for tests that only look at what was written: a copy, written once a class.

        Args:
            directory: The temporary folder of the test; what is copied lies beside it.
        """
        if not self._written:
            folder = Path(mkdtemp(dir=directory.parent))
            self._written.append((folder, self.export(folder)))
        folder, files = self._written[0]
        shutil.copytree(folder, directory, dirs_exist_ok=True)
        return tuple(directory / os.path.relpath(file, folder) for file in files)

    def test_it_names_every_file_that_it_writes(self, tmp_path: Path) -> None:
        written = {path.resolve() for path in self.exported(tmp_path)}
        there = {path.resolve() for path in tmp_path.rglob("*") if path.is_file()}
        expect(written, "nothing was written")
        expect(written == there, f"returned {sorted(written)}, but there are {sorted(there)}")

    def test_files_of_other_formats_stay(self, tmp_path: Path) -> None:
        other = tmp_path / "other-format.xyz"
        other.write_text("mine", encoding="utf-8")
        self.export(tmp_path)
        expect(other.is_file() and other.read_text(encoding="utf-8") == "mine", f"{other} changed")

    def test_writing_twice_gives_the_same_files(self, tmp_path: Path) -> None:
        first = self.exported(tmp_path)
        expect(set(self.export(tmp_path)) == set(first), "the second export wrote other files")

    def test_nothing_is_pickled(self, tmp_path: Path) -> None:
        for path in self.exported(tmp_path):
            expect(not _holds_pickle(path), f"{path} holds a pickle, which can run any code")

    def test_the_network_is_left_as_it_was(self, tmp_path: Path) -> None:
        network = self.network()
        before = {name: t.tolist() for name, t in network.model.state_dict().items()}
        self.export(tmp_path, network)
        after = {name: t.tolist() for name, t in network.model.state_dict().items()}
        expect(before == after, "exporting changed the weights of the network")

    def test_a_loadable_format_computes_the_same(self, tmp_path: Path) -> None:
        if not self._entry.loadable:
            return
        from instatune.supernet import subnet
        from instatune.testing import tiny

        self.exported(tmp_path)
        loaded = subnet.load(tmp_path, tiny.plugins())
        difference = float((self.logits(loaded) - self.logits(self.network().deployed)).abs().max())
        expect(difference <= self.tolerance, f"logits differ by {difference} after loading")

    def test_its_artefact_is_among_what_it_writes(self, tmp_path: Path) -> None:
        exporter = cast("Exporter", self.make())
        expect(not exporter.artefact(tmp_path), "an artefact before anything was written")
        written = set(self.exported(tmp_path))
        artefact = set(exporter.artefact(tmp_path))
        expect(artefact <= written, f"artefact {sorted(artefact)}, but wrote {sorted(written)}")
        expect(artefact or not self._entry.runs, "it runs, but which files hold the network?")

    def test_what_runs_computes_the_same(self, tmp_path: Path) -> None:
        if not (self._entry.runs and self._entry.full):
            return
        for wanted, found in self.answers(tmp_path):
            gap = float((wanted - found).abs().max())
            expect(gap <= self.tolerance, f"{len(wanted)} examples: logits differ by {gap}")

    def test_what_runs_with_integers_computes_nearly_the_same(self, tmp_path: Path) -> None:
        if not (self._entry.runs and self._entry.quantized):
            return
        network = self.quantized_network() if self._entry.full else None
        for wanted, found in self.answers(tmp_path, network):
            gap = float((wanted - found).abs().max() / wanted.abs().max())
            share = float((wanted.argmax(-1) == found.argmax(-1)).float().mean())
            expect(
                gap <= self.quantized_tolerance and share >= self.agreement,
                f"{len(wanted)} examples: logits differ by {gap:.1%} of the largest one, and "
                f"{share:.0%} have the same class",
            )

    def test_labels_do_not_matter(self, tmp_path: Path) -> None:
        if not self._entry.runs:
            return
        import torch

        from instatune.testing import tiny

        batch = tiny.batches()[0]
        unlabelled = {name: tensor for name, tensor in batch.items() if name != "labels"}
        first, second = self.run(tmp_path, None, (batch, unlabelled))
        expect(torch.equal(first, second), "labels in the batch change what it answers")

    def test_running_leaves_the_threads_of_torch_alone(self, tmp_path: Path) -> None:
        if not self._entry.runs:
            return
        import torch

        from instatune.testing import tiny

        before = torch.get_num_threads()
        self.run(tmp_path, None, tiny.batches()[:1], threads=before + 1)
        after = torch.get_num_threads()
        expect(after == before, f"torch computes with {after} threads after it, not {before}")

    def test_it_refuses_what_it_is_not_for(self, tmp_path: Path) -> None:
        entry = self._entry
        if not entry.full:
            self._refused(tmp_path, self.full_network())
        if not entry.quantized and entry.runs:
            self._refused(tmp_path, self.quantized_network())

    def answers(
        self, directory: Path, network: Network | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """Logits of the network, and of what was written, for batches of several sizes."""
        import torch

        from instatune.testing import tiny

        whole = tiny.batches()[1]
        batches = (whole, _part(whole, 1, 4), _part(whole, 3, 2), *tiny.batches(5)[:1])
        found = self.run(directory, network, batches)
        network = network or self.network()
        with torch.inference_mode():
            wanted = [network.adapter.logits(network.deployed, batch) for batch in batches]
        return list(zip(wanted, found, strict=True))

    def run(
        self,
        directory: Path,
        network: Network | None,
        batches: tuple[Batch, ...],
        threads: int = 1,
    ) -> list[Tensor]:
        """Export, load in a fresh exporter, and run; the usual network if there is none."""
        from instatune.testing import quantized

        if network is None:
            self.exported(directory)
        else:
            self.export(directory, network)
        with quantized.tiny_is_installed():
            runner = cast("Exporter", self.make()).runner(directory, threads)
        expect(runner is not None, "its entry says that it runs, but it gives no runner")
        assert runner is not None  # noqa: S101 - for the type checker
        return [runner(batch) for batch in batches]

    def _refused(self, directory: Path, network: Network) -> None:
        kind = "quantized network" if network.policy else "network in full precision"
        try:
            self.export(directory, network)
        except InstatuneError as error:
            expect(str(error), "it refuses without saying why")
        else:
            expect(False, f"it writes a {kind}, though its entry says that it does not")


def _part(batch: Batch, examples: int, tokens: int) -> Batch:
    """The first examples, cut to their first tokens."""
    return {
        name: tensor[:examples, :tokens] if tensor.ndim > 1 else tensor[:examples]
        for name, tensor in batch.items()
    }


def _holds_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(1) == _PICKLE_START:
            return True
    if not zipfile.is_zipfile(path):
        return False
    return any(name.endswith(".pkl") for name in zipfile.ZipFile(path).namelist())

"""Contract of adapters."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.plugin.entries import AdapterEntry, Kind
from instatune.space import Attention, counting
from instatune.space.storage import Storage
from instatune.testing import elastic
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness
from instatune.testing.likeness import differences, essence, saved_bytes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from instatune.engine.inside import Projections
    from instatune.supernet.supernet import Supernet


class AdapterContract(Contract):
    """The description fits the model: slices, masks, permutations and copies compute the same.

    Say what to load and what to run by overriding :meth:`checkpoint` and :meth:`batch`.

    Attributes:
        problem: Kind of output that is asked for, one that the entry names if it names any.
        n_outputs: Size of the new head.
        tolerance: Largest difference of logits that counts as equal; relative to the largest logit
            where that is above 1.
    """

    kind: ClassVar[Kind] = "adapters"
    problem: ClassVar[str] = "classification"
    n_outputs: ClassVar[int] = 3
    tolerance: ClassVar[float] = 1e-4

    def checkpoint(self, folder: Path) -> str:
        """Make or name a small checkpoint.

        Args:
            folder: Empty, for the checkpoint's files.
        """
        raise NotImplementedError("override checkpoint(): name a small model of this family")

    def batch(self, adapter: Adapter, checkpoint: str) -> Batch:
        """Make a batch that the model takes, without labels."""
        raise NotImplementedError("override batch(): a few examples for this family")

    def adapter(self) -> Adapter:
        """A fresh adapter that knows what it is to serve."""
        adapter = cast("Adapter", self.make())
        adapter.serve(self.problem)
        return adapter

    def load(self, folder: Path, seed: int = 0) -> nn.Module:
        """Load the checkpoint in eval mode."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        checkpoint = self.checkpoint(folder)
        return self.adapter().load(checkpoint, self.n_outputs, generator).eval()

    def logits(self, model: nn.Module, folder: Path) -> Tensor:
        """Run the model, full or not."""
        import torch

        adapter = self.adapter()
        with torch.inference_mode():
            return adapter.logits(model, self.batch(adapter, str(folder)))

    def supernet(self, folder: Path) -> Supernet:
        """A super-network in which all groups and stacks may keep as few as the adapter says."""
        from instatune.supernet.build import search_space
        from instatune.supernet.supernet import Supernet

        model, adapter = self.load(folder), self.adapter()
        anatomy = adapter.describe(model)
        space = search_space(anatomy, elastic.genes(anatomy))
        return Supernet(model, anatomy, space, adapter.logits)

    def maskable(self, supernet: Supernet) -> Supernet:
        """The same where only those units can go that no normalisation runs across."""
        from instatune.supernet.build import search_space
        from instatune.supernet.supernet import Supernet, normalised

        anatomy = supernet.anatomy
        across = {group.name for group in anatomy.groups if normalised(supernet.model, group)}
        genes = [gene for gene in supernet.space.genes if not across & set(gene.targets)]
        space = search_space(anatomy, genes)
        return Supernet(supernet.model, anatomy, space, supernet.forward)

    def test_its_entry_names_the_kind_of_output(self) -> None:
        problems = cast("AdapterEntry", self.offer().entry).problems
        expect(
            not problems or self.problem in problems,
            f"the entry names {', '.join(problems)}; {self.problem!r} is not among them",
        )

    def test_it_loads_on_the_cpu_in_float32(self, tmp_path: Path) -> None:
        for name, parameter in self.load(tmp_path).named_parameters():
            right = str(parameter.dtype) == "torch.float32" and parameter.device.type == "cpu"
            expect(right, f"{name} is {parameter.dtype} on {parameter.device}")

    def test_the_head_has_the_wanted_outputs(self, tmp_path: Path) -> None:
        logits = self.logits(self.load(tmp_path), tmp_path)
        expect(
            logits.ndim in (2, 3) and logits.shape[-1] == self.n_outputs,
            f"logits have shape {list(logits.shape)}, not [examples, {self.n_outputs}], or "
            f"[examples, tokens, {self.n_outputs}] where each token is classified",
        )
        expect(bool(logits.isfinite().all()), "a logit is not finite")

    def test_same_generator_gives_the_same_model(self, tmp_path: Path) -> None:
        with no_hidden_randomness():
            first, second = self.load(tmp_path), self.load(tmp_path)
        differ = differences(first, second)
        expect(not differ, f"two loads with one seed differ in {differ}")

    def test_a_missing_checkpoint_is_reported(self, tmp_path: Path) -> None:
        import torch

        missing = str(tmp_path / "is-not-there")
        try:
            self.adapter().load(missing, self.n_outputs, torch.Generator())
        except CheckpointError as error:
            expect(missing in str(error), f"the message does not name {missing!r}: {error}")
            return
        expect(False, "a missing checkpoint was loaded; raise CheckpointError")

    def test_the_anatomy_fits_the_model(self, tmp_path: Path) -> None:
        from instatune.supernet.fit import verify

        model = self.load(tmp_path)
        anatomy = self.adapter().describe(model)
        verify(anatomy, model)
        counted = counting.parameters(anatomy).at(
            {group.name: group.units for group in anatomy.groups},
            {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks},
        )
        there = sum(parameter.numel() for parameter in model.parameters())
        expect(counted == there, f"{counted} parameters counted, the model has {there}")
        expect(anatomy.work, "no work is listed, so MACs would be 0")

    def test_what_is_listed_as_a_table_is_one(self, tmp_path: Path) -> None:
        from torch import nn

        model = self.load(tmp_path)
        tables = self.adapter().describe(model).embeddings
        expect(len(set(tables)) == len(tables), f"a table is listed twice: {tables}")
        modules = dict(model.named_modules())
        for table in tables:
            module, _, tensor = table.rpartition(".")
            expect(
                tensor == "weight" and isinstance(modules.get(module), nn.Embedding),
                f"{table!r} is listed in embeddings, but is no weight of an nn.Embedding",
            )

    def test_the_size_on_disk_is_counted(self, tmp_path: Path) -> None:
        supernet = self.supernet(tmp_path)
        storage, space = Storage(supernet.anatomy), supernet.space
        for architecture in (space.largest, space.smallest):
            counted = float(storage.tensors(space, space.encode([architecture]))[0])
            there = saved_bytes(supernet.extract(architecture))
            expect(
                abs(counted - there) <= 0.01 * there,
                f"{there} bytes are saved, {counted:.0f} are counted; list what else is saved in "
                "the anatomy's buffers",
            )

    def test_the_outline_agrees_with_the_model(self, tmp_path: Path) -> None:
        outline = cast("AdapterEntry", self.offer().entry).outline
        if outline is None:
            return
        module, _, function = outline.partition(":")
        found = getattr(import_module(module), function)(self.checkpoint(tmp_path))
        if found is None:
            return
        real = self.adapter().describe(self.load(tmp_path))
        expect(essence(found) == essence(real), f"outline {found} differs from {real}")

    def test_slices_equal_masks_and_extracted_networks(self, tmp_path: Path) -> None:
        import torch

        supernet = self.supernet(tmp_path)
        batch = self.batch(self.adapter(), str(tmp_path))
        for architecture in elastic.three(supernet.space):
            with torch.inference_mode(), supernet.active(architecture):
                sliced = supernet.logits(batch)
            small = supernet.extract(architecture).eval()
            self._expect_equal(self.logits(small, tmp_path), sliced, "extracted network")
        maskable = self.maskable(supernet)
        for architecture in elastic.three(maskable.space):
            with torch.inference_mode(), maskable.active(architecture):
                sliced = maskable.logits(batch)
            with torch.inference_mode(), maskable.masked(architecture):
                self._expect_equal(maskable.logits(batch), sliced, "masked network")

    def test_queries_keys_and_values_are_where_the_anatomy_says(self, tmp_path: Path) -> None:
        import torch

        from instatune.engine.inside import Watcher

        supernet = self.supernet(tmp_path)
        attentions = supernet.anatomy.attentions
        if not attentions or not all(attention.projections for attention in attentions):
            return
        batch = self.batch(self.adapter(), str(tmp_path))
        watcher = Watcher(supernet.model, supernet.anatomy, ["relation"])
        for architecture in (supernet.space.largest, supernet.space.smallest):
            units = supernet.space.kept_units(architecture)
            with (
                torch.inference_mode(),
                watcher.watching(["relation"]) as inside,
                supernet.active(architecture),
            ):
                supernet.logits(batch)
            for attention in attentions:
                if attention.projections[0] in inside.attention:
                    width = units[attention.group] * attention.unit
                    _expect_projected(attention, inside.attention, width)

    def test_permuting_units_changes_nothing(self, tmp_path: Path) -> None:
        import torch

        from instatune.supernet import permute

        model, adapter = self.load(tmp_path), self.adapter()
        before = self.logits(model, tmp_path)
        anatomy = adapter.describe(model)
        order = {g.name: torch.arange(g.units - 1, -1, -1) for g in anatomy.groups}
        permute.apply(model, anatomy, order)
        self._expect_equal(self.logits(model, tmp_path), before, "network with permuted units")

    def test_it_is_rebuilt_from_its_assets(self, tmp_path: Path) -> None:
        checkpoint, assets = tmp_path / "checkpoint", tmp_path / "assets"
        checkpoint.mkdir()
        assets.mkdir()
        model, adapter = self.load(checkpoint), self.adapter()
        processor = adapter.processor(self.checkpoint(checkpoint))
        adapter.save_assets(model, processor, assets)
        rebuilt = cast("Adapter", self.make()).skeleton(assets)  # nobody tells it the problem
        rebuilt.load_state_dict(model.state_dict())
        before, after = (self.logits(m.eval(), checkpoint) for m in (model, rebuilt))
        self._expect_equal(after, before, "network rebuilt from its assets")
        real, again = adapter.describe(model), adapter.describe(rebuilt)
        expect(essence(real) == essence(again), "the rebuilt model is described differently")

    def test_an_empty_folder_is_reported(self, tmp_path: Path) -> None:
        try:
            self.adapter().skeleton(tmp_path)
        except CheckpointError:
            return
        expect(False, "an empty folder gave a model; raise CheckpointError")

    def _expect_equal(self, found: Tensor, wanted: Tensor, what: str) -> None:
        difference = float((found - wanted).abs().max())
        allowed = self.tolerance * max(1.0, float(wanted.abs().max()))
        expect(difference <= allowed, f"{what}: logits differ by {difference:.3g}")


def _expect_projected(attention: Attention, given: Mapping[str, Projections], width: int) -> None:
    """Queries are as wide as the kept heads, and all three have the same tokens."""
    found = [list(tensor.shape) for tensor in given[attention.projections[0]]]
    expect(
        found[0][2:] == [width] and all(shape[:2] == found[0][:2] for shape in found),
        f"{attention.projections[0]!r}: queries, keys and values have shapes {found}; "
        f"[examples, tokens, {width}] is right for queries",
    )

"""The workshop: models, data and components of one run, made when a stage first needs them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from instatune.engine.batches import BatchPlan
from instatune.engine.calibration import Calibration
from instatune.engine.events import Events
from instatune.engine.folder import RunFolder
from instatune.engine.precision import resolve_precision
from instatune.engine.quantization import Quantization
from instatune.engine.seeds import derive
from instatune.engine.store import Store
from instatune.errors import CheckpointError, StoreError
from instatune.interfaces import (
    INTERFACES,
    Adapter,
    Batch,
    Dimension,
    Executor,
    Exporter,
    Features,
    Objective,
    Ordering,
    Quantizer,
    Sampler,
    Schedule,
    Splits,
    Task,
)
from instatune.plugin.entries import TaskEntry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import load_target
from instatune.space import Anatomy
from instatune.spec.plan import Part, Plan

if TYPE_CHECKING:
    from accelerate import Accelerator

    from instatune.supernet.supernet import Supernet

SplitName = Literal["train", "search", "test"]


class Workshop:
    """Everything that stages share. Holds no results: these are files in the run folder."""

    def __init__(self, plan: Plan, plugins: Plugins, folder: RunFolder, events: Events) -> None:
        """Take what there is; nothing is loaded yet."""
        self.plan = plan
        self.plugins = plugins
        self.folder = folder
        self.events = events
        self.keys: dict[str, str] = {}
        self._quantization: Quantization | None = None

    # components

    @cached_property
    def adapter(self) -> Adapter:
        """The family of models, told what the task wants of it."""
        adapter = cast("Adapter", self._make(self.plan.adapter))
        adapter.serve(cast("TaskEntry", self.plan.task.entry).problem)
        return adapter

    @cached_property
    def task(self) -> Task:
        """The task."""
        return cast("Task", self._make(self.plan.task))

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Elastic dimensions in the order of the spec, but those of bits."""
        return tuple(self._make(part) for part in self.plan.elastic)

    @cached_property
    def quantizing(self) -> tuple[Dimension, ...]:
        """Dimensions of bits."""
        return tuple(self._make(part) for part in self.plan.quantizing)

    @cached_property
    def quantizer(self) -> Quantizer | None:
        """What lowers bits; None where they are not searched."""
        part = self.plan.quantizer
        return None if part is None else cast("Quantizer", self._make(part))

    @cached_property
    def ordering(self) -> Ordering:
        """The measure of importance."""
        return cast("Ordering", self._make(self.plan.ordering))

    @cached_property
    def sampler(self) -> Sampler:
        """The rule that draws networks."""
        return cast("Sampler", self._make(self.plan.sampler))

    @cached_property
    def schedule(self) -> Schedule:
        """The weights of the loss."""
        return cast("Schedule", self._make(self.plan.schedule))

    @cached_property
    def objectives(self) -> dict[str, Objective]:
        """Objectives by name, those that only a constraint names included."""
        parts = (*self.plan.objectives, *self.plan.limits_only)
        return {part.name: self._make(part) for part in parts}

    @cached_property
    def executor(self) -> Executor:
        """Where evaluations run."""
        return cast("Executor", self._make(self.plan.executor))

    @cached_property
    def exporters(self) -> tuple[tuple[Part, Exporter], ...]:
        """Formats to write."""
        return tuple((part, self._make(part)) for part in self.plan.exporters)

    # machine

    @cached_property
    def accelerator(self) -> Accelerator:
        """Device placement, backward and clipping."""
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        # One process may make several runs, each with its own device.
        AcceleratorState._reset_state(True)
        wanted = self.plan.spec.device
        if wanted == "cuda" and not torch.cuda.is_available():
            raise CheckpointError(
                "device: 'cuda' is asked for but torch sees no GPU; use cpu or auto"
            )
        return Accelerator(cpu=wanted == "cpu", mixed_precision="no")

    @property
    def device(self) -> torch.device:
        """Where torch computes."""
        return torch.device(self.accelerator.device)

    def precision(self, name: str) -> AbstractContextManager[Any]:
        """Autocast where ``name`` stands for bf16 on this machine, nothing for fp32."""
        if resolve_precision(name, self.device) == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def seed(self, *labels: object) -> int:
        """A seed for a piece of work."""
        return derive(self.plan.spec.seed, *labels)

    # data

    @cached_property
    def splits(self) -> Splits:
        """The raw data."""
        return self.task.load(self.plan.spec.seed)

    @cached_property
    def processor(self) -> Any:
        """Tokenizer or transform of the adapter."""
        return self.adapter.processor(self.plan.checkpoint)

    def features(self, split: SplitName) -> Sequence[Features]:
        """Encoded examples of a split, made once."""
        if split not in self._features:
            examples = getattr(self.splits, split)
            self._features[split] = self.task.encode(examples, self.processor)
        return self._features[split]

    @cached_property
    def _features(self) -> dict[str, Sequence[Features]]:
        return {}

    def batches(
        self, split: SplitName, batch_size: int, epoch: int | None = None, limit: int | None = None
    ) -> BatchPlan:
        """Batches of a split: shuffled for an epoch, or in fixed order where ``epoch`` is None."""
        features = self.features(split)
        return BatchPlan(
            features if limit is None else features[:limit],
            collate=self.task.collate,
            length=self.task.length,
            batch_size=batch_size,
            seed=None if epoch is None else self.seed("batches"),
            epoch=epoch or 0,
        )

    # models

    def pretrained(self) -> nn.Module:
        """A fresh copy of the checkpoint with a new head; the head is the same each time."""
        generator = torch.Generator().manual_seed(self.seed("head"))
        return self.adapter.load(self.plan.checkpoint, self.splits.n_outputs, generator)

    def model_from(self, name: str) -> nn.Module:
        """The architecture of the checkpoint with weights from ``<folder>/model.safetensors``."""
        from safetensors import SafetensorError
        from safetensors.torch import load_model

        path = self.folder.path / name / "model.safetensors"
        model = self.pretrained()
        try:
            load_model(model, path)
        except (SafetensorError, OSError, RuntimeError) as error:
            raise StoreError(
                f"{path}: damaged ({str(error).splitlines()[0]}); delete it and run again: its"
                " stage is then repeated"
            ) from error
        return model.eval()

    @cached_property
    def anatomy(self) -> Anatomy:
        """The anatomy of the full model."""
        return self.adapter.describe(self.pretrained())

    @cached_property
    def calibration(self) -> Calibration:
        """Gives sub-networks statistics of their own, where they have batch normalisations."""
        return Calibration(self)

    def quantization(self, supernet: Supernet) -> Quantization | None:
        """Simulates and makes quantized networks; None where bits are not searched."""
        if self.quantizer is None:
            return None
        known = self._quantization
        if known is None or known.supernet is not supernet:
            known = Quantization(
                self.quantizer,
                supernet,
                batches=lambda: self.range_batches,
                statistics=partial(self.calibration.of, supernet),
            )
            self._quantization = known  # ranges serve all that a stage does with its networks
        return known

    @cached_property
    def range_batches(self) -> tuple[Batch, ...]:
        """Training batches on the device of the run for activation ranges; always the same."""
        section = self.plan.spec.search
        size = min(section.batch_size, section.range_examples)
        plan = self.batches("train", size, limit=section.range_examples)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed("ranges"))  # images may be augmented
            return tuple(
                {name: tensor.to(self.device) for name, tensor in batch.items()} for batch in plan
            )

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run a model on a batch that may carry labels and indices."""
        return self.adapter.logits(model, batch)

    @cached_property
    def store(self) -> Store:
        """Measurements of this run."""
        return Store(self.folder.store)

    def close(self) -> None:
        """Free what was opened."""
        for name in ("executor", "store"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _make(self, part: Part) -> Any:
        """Make a component; its class was checked against the interface of its kind."""
        return load_target(part.entry, INTERFACES[part.kind])(part.config)

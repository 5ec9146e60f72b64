"""The bench that objectives measure on: a tiny super-network in front of the tiny task."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import torch
from torch import Tensor, nn

from instatune.engine.example import example_batch
from instatune.errors import SearchError
from instatune.interfaces import Batch, Measurement, Runner, Task
from instatune.space import Anatomy, Architecture, SearchSpace
from instatune.supernet.supernet import Supernet
from instatune.testing.tiny.networks import supernet
from instatune.testing.tiny.task import TinyTask, batches


@attrs.frozen(slots=False)
class TinyBench:
    """A tiny super-network in front of the tiny task; what objectives measure on.

    Attributes:
        supernet: The super-network.
        task: The task.
        ran: Architectures that were run, in order.
        kept: What was measured once, by name.
    """

    supernet: Supernet = attrs.field(factory=lambda: supernet())
    task: Task = attrs.field(factory=TinyTask)
    ran: list[Architecture] = attrs.field(factory=list)
    kept: dict[str, Measurement] = attrs.field(factory=dict)

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.supernet.space

    @property
    def anatomy(self) -> Anatomy:
        """The anatomy of the super-network."""
        return self.supernet.anatomy

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the three classes."""
        return ("zero", "one", "two")

    def outputs(self, architecture: Architecture) -> Iterator[tuple[Tensor, Batch]]:
        """Run a sub-network over the split."""
        self.ran.append(architecture)
        for batch in batches():
            with torch.inference_mode(), self.supernet.active(architecture):
                logits = self.supernet.logits(batch)
            yield logits, batch

    def extracted(self, architecture: Architecture) -> nn.Module:
        """Cut a sub-network out."""
        self.ran.append(architecture)
        return self.supernet.extract(architecture).eval()

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of an extracted network."""
        return self.supernet.forward(model, batch)

    def example(self, size: int, length: int | None) -> Batch:
        """Give examples of the search split."""
        return example_batch(self.task, self.task.load(0).search, size, length)

    def runner(self, architecture: Architecture, exporter: str, threads: int) -> Runner:
        """The one exporter is called ``tiny`` and keeps the network in memory."""
        if exporter != "tiny":
            raise SearchError(f"the run has no exporter {exporter!r}; it has 'tiny'")
        model = self.extracted(architecture)
        return lambda batch: self.forward(model, batch)

    def once(self, name: str, measure: Callable[[], Measurement]) -> Measurement:
        """Measure at the first call."""
        if name not in self.kept:
            self.kept[name] = measure()
        return self.kept[name]

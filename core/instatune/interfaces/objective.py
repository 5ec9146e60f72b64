"""Objective: something measured of sub-networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from instatune.interfaces.evaluation import Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from instatune.interfaces.adapter import Batch
    from instatune.interfaces.exporter import Runner
    from instatune.interfaces.task import Task
    from instatune.space import Anatomy, Architecture, SearchSpace
    from instatune.space.search_space import Genotypes


class Bench(Protocol):
    """What an objective may use: a tuned super-network in front of one split of the data."""

    @property
    def space(self) -> SearchSpace:
        """The search space."""

    @property
    def anatomy(self) -> Anatomy:
        """The anatomy of the super-network."""

    @property
    def task(self) -> Task:
        """The task, for scores."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by index; empty where there are none."""

    def outputs(self, architecture: Architecture) -> Iterator[tuple[Tensor, Batch]]:
        """Run a sub-network over the split: logits and batch, one batch after the other.

        Runs in inference mode; batches are the same, in the same order, for each architecture.
        """

    def extracted(self, architecture: Architecture) -> nn.Module:
        """Cut a sub-network out: small, on the CPU, in eval mode, quantized where it has bits.

        Each call makes another one, which shares nothing with the super-network.
        """

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of an extracted network on a batch, as :meth:`Adapter.logits` gives them."""

    def example(self, size: int, length: int | None) -> Batch:
        """Give ``size`` examples of the split as one batch on the CPU, always the same ones.

        Args:
            size: At least 1; a short split is repeated.
            length: Tokens of each example, without padding, from the longest ones, cut or repeated;
                None for examples of middle length as they are.

        Raises:
            DataError: A length is asked for where examples have no tokens.
        """

    def runner(self, architecture: Architecture, exporter: str, threads: int) -> Runner:
        """Export a sub-network and load it back, to be run on the CPU as its users will run it.

        Args:
            architecture: Of the space.
            exporter: Name of an exporter of this run.
            threads: Threads that it may compute with.

        Raises:
            SearchError: The run has no such exporter, or it runs no networks, or not this one.
        """

    def once(self, name: str, measure: Callable[[], Measurement]) -> Measurement:
        """Measure something of the run itself, once; it is kept beside all that was measured.

        Whoever asks again under this name, on any split and in a resumed run too, gets the first
        value: what all other values refer to must not change between them.
        """


class Objective(ABC):
    """Measures a batch of architectures, so that it can share work among them."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @property
    def fingerprint(self) -> str:
        """Stands for the contents of files that values follow from; empty if there are none.

        With the settings it is part of the key under which values are kept. May be asked before
        anything is measured.
        """
        return ""

    @property
    def note(self) -> str:
        """How far values can be trusted, a sentence for the report; may be empty.

        Asked after measuring.
        """
        return ""

    @abstractmethod
    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """Measure architectures in their order.

        Args:
            architectures: At least one.
            bench: The super-network and its data.
            done: To be called once for each architecture, in order, as soon as it is measured: what
                was told is kept even if the process dies in the next one.
        """


class ExactObjective(Objective):
    """An objective that follows from the architecture alone (entry: ``cost="exact"``)."""

    @abstractmethod
    def exact(
        self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        """Values ``[rows]`` of genotypes ``[rows, genes]``, vectorised."""

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """Evaluate the formula."""
        genotypes = bench.space.encode(list(architectures))
        for value in self.exact(bench.space, bench.anatomy, genotypes):
            done(Measurement(float(value)))

"""Objective: something measured of sub-networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from instatune.interfaces.evaluation import Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from instatune.interfaces.adapter import Batch
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


class Objective(ABC):
    """Measures a batch of architectures, so that it can share work among them."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

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

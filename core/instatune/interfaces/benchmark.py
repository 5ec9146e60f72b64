"""Benchmark: a space whose networks can be measured, where strategies are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from instatune.interfaces.evaluation import Measurement
    from instatune.interfaces.strategy import Aim
    from instatune.interfaces.summary import AimInfo
    from instatune.space import Architecture, SearchSpace
    from instatune.space.search_space import Genotypes


@attrs.frozen(kw_only=True)
class Arena:
    """All that a comparison needs of a benchmark.

    Losses are values with the sign turned where more is better, so that less is better.

    Attributes:
        space: Where to search.
        aims: What is optimised, as people see it; at least one.
        exact: For each exact aim a function ``Genotypes [rows, genes] -> [rows]``.
        measure: Measures networks one after the other: for each a measurement by name of the aim.
            The same network gives the same values each time.
        final: The same on data that no strategy sees; None where there are none.
        bounds: For each aim the losses that are scaled to 0 and 1, see
            :class:`instatune.metrics.hypervolume.Box`.
        worst: For each aim a loss that a network should beat, for the tight reference; inf for
            none.
        front: Losses ``[rows, aims]`` of the true Pareto front; None where it is not known.
        fingerprint: Changes whenever any measurement would; part of every stored one's key.
        description: One sentence for the report: what it is and where it comes from.
        labels: What the values of a gene stand for where they are no amounts but names, by gene.
    """

    space: SearchSpace
    aims: tuple[AimInfo, ...]
    exact: Mapping[str, Callable[[Genotypes], NDArray[np.float64]]] = attrs.field(factory=dict)
    measure: Callable[[Sequence[Architecture]], Iterator[Mapping[str, Measurement]]]
    final: Callable[[Sequence[Architecture]], Iterator[Mapping[str, Measurement]]] | None = None
    bounds: tuple[tuple[float, float], ...]
    worst: tuple[float, ...]
    front: NDArray[np.float64] | None = None
    fingerprint: str
    description: str = ""
    labels: Mapping[str, Mapping[int, str]] = attrs.field(factory=dict)

    @property
    def goals(self) -> tuple[Aim, ...]:
        """The aims as a strategy's :class:`Problem` wants them."""
        from instatune.interfaces.strategy import Aim

        return tuple(
            Aim(name=aim.name, goal="max" if aim.goal == "max" else "min", exact=aim.exact)
            for aim in self.aims
        )


class Benchmark(ABC):
    """Opens an arena: a table of measurements, a super-network that was trained before, ..."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def open(self) -> Arena:
        """Read what there is to read.

        Raises:
            DataError: Missing, or not what it should be.
        """

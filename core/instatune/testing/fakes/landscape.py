"""A search problem with known answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Aim, Evaluation, Measurement, Problem
from instatune.space import Anatomy, Architecture, Polynomial, SearchSpace, counting
from instatune.space.search_space import Genotypes
from instatune.testing.fakes.description import anatomy
from instatune.testing.fakes.predictors import UnsureLeastSquares
from instatune.testing.fakes.spaces import space


@attrs.frozen(kw_only=True, slots=False)
class Landscape:
    """A search problem whose answers are known: MACs are exact, accuracy is a smooth made-up rule.

    Attributes:
        space: Where to search.
        anatomy: For counting.
        seed: Of the made-up accuracy.
    """

    space: SearchSpace = attrs.field(factory=space)
    anatomy: Anatomy = attrs.field(factory=anatomy)
    seed: int = 0

    def problem(self, budget: int, *, objectives: int = 2, with_predictor: bool = False) -> Problem:
        """Maximise accuracy and, with two objectives, minimise MACs."""
        aims = (
            Aim(name="accuracy", goal="max", exact=False),
            Aim(name="macs", goal="min", exact=True),
        )
        return Problem(
            space=self.space,
            aims=aims[:objectives],
            budget=budget,
            exact={"macs": self.macs},
            make_predictor=partial(UnsureLeastSquares, None) if with_predictor else None,
        )

    def macs(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """MACs ``[rows]``."""
        return self.space.count(self._polynomial, genotypes)

    def accuracy(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """Made-up accuracy ``[rows]``: grows with the share of MACs, choices weigh differently."""
        full = self.macs(self.space.encode([self.space.largest]))[0]
        share = self.macs(genotypes) / full
        features = self.space.features(genotypes)
        taste = np.random.default_rng(self.seed).normal(0.0, 0.01, features.shape[1])
        return np.asarray(0.9 - 0.4 * (1.0 - share) ** 2 + features @ taste)

    def measure(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate architectures."""
        genotypes = self.space.encode(list(architectures))
        rows = zip(architectures, self.accuracy(genotypes), self.macs(genotypes), strict=True)
        return [
            Evaluation(
                architecture=architecture,
                values={
                    "accuracy": Measurement(float(accuracy), 0.01, 100),
                    "macs": Measurement(float(macs)),
                },
                index=index,
            )
            for index, (architecture, accuracy, macs) in enumerate(rows)
        ]

    @property
    def _polynomial(self) -> Polynomial:
        return counting.macs(self.anatomy)

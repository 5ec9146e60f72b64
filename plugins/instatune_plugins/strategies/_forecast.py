"""Predictions that are about to be tested: the honest and free measure of a predictor.

LINAS measures what its predictors proposed. Before the results are learned from, they tell how well
networks were predicted that the predictor had not seen.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.metrics.statistics import kendall, mape
from instatune_plugins.strategies._landscape import Landscape
from instatune_plugins.strategies._memory import Memory


@attrs.frozen(kw_only=True)
class Diagnosis:
    """How well a predictor did on networks that were measured after it had predicted them.

    Attributes:
        loop: Inner loop that proposed them, from 1.
        objective: What was predicted.
        trained_on: Networks that the predictor had learned from.
        tested_on: Networks that were proposed and measured.
        tau: Kendall's τ of predicted and measured values; None where they have no order.
        mape: Mean absolute error as a fraction of the measured values; None where one is 0.
        note: What the predictor says of itself.
    """

    loop: int
    objective: str
    trained_on: int
    tested_on: int
    tau: float | None
    mape: float | None
    note: str


@attrs.frozen
class Forecast:
    """A landscape that is about to be tested.

    Attributes:
        trained_on: Networks that it was learned from.
        landscape: The predictors.
    """

    trained_on: int
    landscape: Landscape

    def judged(self, loop: int, memory: Memory, before: int) -> list[Diagnosis]:
        """Compare with what was measured since the memory had ``before`` networks."""
        tested = memory.genotypes[before:]
        if not len(tested):
            return []
        return [
            self._diagnosis(loop, name, memory.values(name)[before:], predicted)
            for name, predicted in self.landscape.predict(tested).items()
        ]

    def _diagnosis(
        self, loop: int, name: str, truth: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> Diagnosis:
        return Diagnosis(
            loop=loop,
            objective=name,
            trained_on=self.trained_on,
            tested_on=len(truth),
            tau=number(kendall(truth, predicted)),
            mape=number(mape(truth, predicted)),
            note=self.landscape.models[name].note,
        )


def number(value: float) -> float | None:
    """A finite value; None for others, which have no place in a report."""
    return float(value) if np.isfinite(value) else None

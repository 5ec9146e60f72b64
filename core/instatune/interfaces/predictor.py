"""Predictor: a regression from architectures to one objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@attrs.frozen
class Prediction:
    """Predicted values.

    Attributes:
        mean: ``[rows]``.
        std: ``[rows]``, None where the predictor does not know its uncertainty.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64] | None = None


class Predictor(ABC):
    """Learns one objective from few measurements; vectorised, refitted from scratch each time."""

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        """Take the settings of the entry's ``config`` class and a seed."""
        self.config = config
        self.seed = seed

    @abstractmethod
    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Learn.

        Args:
            x: Features ``[rows, features]`` as :meth:`SearchSpace.features` gives them.
            y: Values ``[rows]``, finite.
        """

    @abstractmethod
    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Predict ``[rows, features]`` in one call; at least 20,000 rows per 0.2 s are expected."""

    @property
    def note(self) -> str:
        """What was learned, in a few words, for reports: e.g. ``"ridge, alpha 0.1"``."""
        return ""

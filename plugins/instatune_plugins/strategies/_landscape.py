"""What LINAS searches in its inner loop: exact objectives beside predicted ones."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import PluginError
from instatune.interfaces import Predictor, Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Scores


@attrs.frozen
class Landscape:
    """Losses and violations of unmeasured networks: exact where possible, else predicted.

    Attributes:
        problem: The search problem.
        models: Fitted predictor of each objective that must be measured.
    """

    problem: Problem
    models: Mapping[str, Predictor]

    def __call__(self, genotypes: Genotypes) -> Scores:
        """Score canonical genotypes ``[rows, genes]``."""
        problem, predicted = self.problem, self.predict(genotypes)
        columns = [
            (1.0 if aim.goal == "min" else -1.0)
            * (problem.exact[aim.name](genotypes) if aim.exact else predicted[aim.name])
            for aim in problem.aims
        ]
        violation = problem.violation(genotypes)
        for limit in problem.limits:
            if not limit.exact:
                violation = violation + limit.violation(predicted[limit.name])
        return Scores(np.stack(columns, axis=1), violation)

    def predict(self, genotypes: Genotypes) -> dict[str, NDArray[np.float64]]:
        """Predicted values ``[rows]`` by objective.

        Raises:
            PluginError: A predictor gave something else than one finite number per row.
        """
        if not self.models:
            return {}
        features = self.problem.space.features(genotypes)
        return {
            name: _checked(model, name, model.predict(features).mean, len(genotypes))
            for name, model in self.models.items()
        }


def _checked(
    model: Predictor, objective: str, values: NDArray[np.float64], rows: int
) -> NDArray[np.float64]:
    kind = type(model)
    where = f"predictor {kind.__module__}:{kind.__qualname__}, objective {objective}"
    if np.shape(values) != (rows,):
        raise PluginError(f"{where}: gave shape {np.shape(values)} for {rows} rows; need ({rows},)")
    bad = int(rows - np.isfinite(values).sum())
    if bad:
        raise PluginError(
            f"{where}: {bad} of {rows} predictions are not finite numbers; a predictor must answer"
            " for every architecture of the space"
        )
    return np.asarray(values, dtype=np.float64)

"""Surrogate: trees that predict the networks which a table lacks.

A table of hundreds of measured networks out of billions can still be a benchmark when a regression
ranks unseen networks well: the regression then *is* the benchmark, as in NAS-Bench-301 (Siems et
al., arXiv:2008.09777). The alternative, a search over row numbers, would have no structure that a
strategy could use. Trees are chosen because they cannot promise more than the best row by much, and
because their kind is unlike the linear and kernel predictors of the strategies that are compared.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError
from instatune.metrics.statistics import kendall
from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes
from instatune_plugins.benchmarks.tabular_config import SurrogateConfig

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingRegressor


@attrs.frozen(kw_only=True, eq=False)
class Surrogate:
    """A fitted regression.

    Attributes:
        space: All networks.
        model: Fitted to all rows.
        named: For each gene whether its choices are mere names.
        tau: Kendall's τ between measured and predicted values in cross validation.
    """

    space: SearchSpace
    model: GradientBoostingRegressor
    named: tuple[bool, ...]
    tau: float

    def __call__(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """Values of networks of the space, ``[rows]``."""
        return np.asarray(self.model.predict(_features(self.space, genotypes, self.named)))


def fit(
    space: SearchSpace,
    rows: tuple[Genotypes, NDArray[np.float64]],
    named: tuple[bool, ...],
    config: SurrogateConfig,
    what: str,
) -> Surrogate:
    """Fit trees to a table, and find out how well they rank what they have not seen.

    Args:
        space: All networks.
        rows: Distinct networks of the table, ``[rows, genes]``, and their values, ``[rows]``.
        named: For each gene whether its choices are mere names.
        config: Settings.
        what: Place and name of the column, for messages.

    Raises:
        DataError: Too few rows, or unseen networks are ranked worse than the settings allow.
    """
    genotypes, values = rows
    features = _features(space, genotypes, named)
    with _quick():
        tau = _tau(features, values, config, what)
        if not tau >= config.min_tau:
            raise DataError(
                f"{what}: {len(values)} rows rank unseen networks too badly (Kendall's τ"
                f" {tau:.2f}, {config.min_tau:.2f} is asked for); give more rows, or lower"
                " 'min_tau' if a rough benchmark will do"
            )
        model = _model(config).fit(features, values)
    return Surrogate(space=space, model=model, named=named, tau=tau)


def _quick() -> AbstractContextManager[None]:
    """Spare the checks of each single tree, which take longer than the trees."""
    import sklearn

    made: AbstractContextManager[None] = sklearn.config_context(
        assume_finite=True, skip_parameter_validation=True
    )
    return made


def _tau(
    features: NDArray[np.float64],
    values: NDArray[np.float64],
    config: SurrogateConfig,
    what: str,
) -> float:
    if len(values) < 2 * config.folds:
        raise DataError(
            f"{what}: {len(values)} rows are too few for {config.folds} folds of cross validation;"
            f" give at least {2 * config.folds}"
        )
    fold = np.random.default_rng(0).permutation(len(values)) % config.folds
    predicted = np.empty(len(values))
    for number in range(config.folds):
        out = fold == number
        model = _model(config).fit(features[~out], values[~out])
        predicted[out] = model.predict(features[out])
    return kendall(values, predicted)


def _model(config: SurrogateConfig) -> GradientBoostingRegressor:
    from sklearn.ensemble import GradientBoostingRegressor

    # Random rows and features for each tree make shallow trees differ (Friedman, 2002).
    return GradientBoostingRegressor(
        n_estimators=config.trees,
        max_depth=config.depth,
        learning_rate=config.learning_rate,
        subsample=0.7,
        max_features=0.3,
        min_samples_leaf=3,
        random_state=0,
    )


def _features(
    space: SearchSpace, genotypes: Genotypes, named: tuple[bool, ...]
) -> NDArray[np.float64]:
    """A column for the place of each choice, or one for each name; 0 where a gene is inactive."""
    active = space.active(genotypes)
    blocks = []
    for column, count in enumerate(space.cardinalities):
        index, alive = genotypes[:, [column]], active[:, [column]]
        values = index == np.arange(count) if named[column] else index + 1
        blocks.append(np.where(alive, values, 0))
    return np.concatenate(blocks, axis=1).astype(np.float64)

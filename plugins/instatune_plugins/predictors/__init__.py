"""Regressions from architectures to one measured objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import deep_iterable, ge, gt, min_len

from instatune.plugin import hookimpl
from instatune.plugin.entries import PredictorEntry


@attrs.frozen(kw_only=True)
class RidgeConfig:
    """Settings of ``ridge``.

    Attributes:
        alphas: Strengths of the penalty to choose from, for values of unit variance.
    """

    alphas: tuple[float, ...] = attrs.field(
        default=(0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0),
        validator=[min_len(1), deep_iterable(gt(0.0))],
    )


@attrs.frozen(kw_only=True)
class SvrConfig:
    """Settings of ``svr``.

    Attributes:
        costs: Values of C, the price of an error, to choose from.
        epsilon: Errors below this cost nothing, in standard deviations of the values.
        folds: Parts of the cross-validation that chooses C.
    """

    costs: tuple[float, ...] = attrs.field(
        default=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
        validator=[min_len(1), deep_iterable(gt(0.0))],
    )
    epsilon: float = attrs.field(default=0.05, validator=ge(0.0))
    folds: int = attrs.field(default=5, validator=ge(2))


@attrs.frozen(kw_only=True)
class BestOfConfig:
    """Settings of ``best_of``.

    Attributes:
        candidates: Which predictors compete; on a tie the first one wins.
        folds: Parts of the cross-validation that they are compared by.
    """

    candidates: tuple[Literal["ridge", "svr"], ...] = attrs.field(
        default=("ridge", "svr"), validator=min_len(1)
    )
    folds: int = attrs.field(default=5, validator=ge(2))


@hookimpl
def instatune_predictors() -> Iterator[PredictorEntry]:
    """Offer the two regressions of the LINAS paper and the better one of both."""
    yield PredictorEntry(
        name="ridge",
        target="instatune_plugins.predictors.ridge:Ridge",
        config=RidgeConfig,
        summary="linear in one-hot choices, penalty chosen by leave-one-out",
    )
    yield PredictorEntry(
        name="svr",
        target="instatune_plugins.predictors.svr:Svr",
        config=SvrConfig,
        summary="support vectors with a Gaussian kernel, cost chosen by cross-validation",
    )
    yield PredictorEntry(
        name="best_of",
        target="instatune_plugins.predictors.best_of:BestOf",
        config=BestOfConfig,
        summary="ridge or svr, whichever ranks unseen networks better in cross-validation",
    )

"""What is measured of a sub-network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, optional

from instatune.plugin import hookimpl
from instatune.plugin.entries import ObjectiveEntry


@attrs.frozen(kw_only=True)
class MacsConfig:
    """Settings of ``macs``.

    Attributes:
        tokens: Length of the input that is counted; None for what the adapter calls typical.
    """

    tokens: int | None = attrs.field(default=None, validator=optional(ge(1)))


@attrs.frozen(kw_only=True)
class CorrelationConfig:
    """Settings of ``correlation``.

    Attributes:
        method: Pearson's r, Spearman's rho, or the mean of both, as GLUE reports for STS-B.
    """

    method: Literal["mean", "pearson", "spearman"] = "mean"


@hookimpl
def instatune_objectives() -> Iterator[ObjectiveEntry]:
    """Offer scores of data, multiply-accumulates and parameters."""
    yield ObjectiveEntry(
        name="accuracy",
        target="instatune_plugins.objectives.accuracy:Accuracy",
        goal="max",
        cost="dataset",
        label="accuracy",
        bounds=(1.0, 0.0),
        summary="score of the task, a fraction, with its standard error",
    )
    yield ObjectiveEntry(
        name="entity_f1",
        target="instatune_plugins.objectives.entity_f1:EntityF1",
        goal="max",
        cost="dataset",
        label="entity F1",
        bounds=(1.0, 0.0),
        problems=("token_classification",),
        summary="F1 of whole entities, exact spans, for BIO and BIOES tags",
    )
    yield ObjectiveEntry(
        name="correlation",
        target="instatune_plugins.objectives.correlation:Correlation",
        config=CorrelationConfig,
        goal="max",
        cost="dataset",
        label="correlation",
        bounds=(1.0, 0.0),
        problems=("regression",),
        summary="Pearson's and Spearman's correlation of a regression with its targets",
    )
    yield ObjectiveEntry(
        name="macs",
        target="instatune_plugins.objectives.macs:Macs",
        config=MacsConfig,
        goal="min",
        cost="exact",
        label="MACs",
        summary="multiply-accumulates of one example, attention products included",
    )
    yield ObjectiveEntry(
        name="params",
        target="instatune_plugins.objectives.params:Params",
        goal="min",
        cost="exact",
        label="parameters",
        summary="number of weights that are kept",
    )

"""What is measured of a sub-network."""

from __future__ import annotations

from collections.abc import Iterator

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


@hookimpl
def instatune_objectives() -> Iterator[ObjectiveEntry]:
    """Offer accuracy, multiply-accumulates and parameters."""
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

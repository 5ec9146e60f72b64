"""What is measured of a sub-network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, gt, optional

from instatune.plugin import hookimpl
from instatune.plugin.entries import ObjectiveEntry
from instatune_plugins.objectives.latency_config import (
    LatencyConfig,
    LatencyMlpConfig,
    LatencyTableConfig,
)


@attrs.frozen(kw_only=True)
class MacsConfig:
    """Settings of ``macs``.

    Attributes:
        tokens: Length of the input that is counted; None for what the adapter calls typical.
    """

    tokens: int | None = attrs.field(default=None, validator=optional(ge(1)))


@attrs.frozen(kw_only=True)
class RooflineConfig:
    """Settings of ``roofline``; the defaults are of one core of an AMD EPYC 9004.

    They are about what torch reaches there, with AVX-512, BF16 and VNNI instructions, when it
    multiplies matrices of 1024 rows and columns and copies 256 MB. Give the same of your processor.

    Attributes:
        batch: Examples of one pass.
        tokens: Length of the input; None for what the adapter calls typical.
        peak_32: Multiply-accumulates a second in full precision.
        peak_16: The same of what has 9 to 16 bits.
        peak_8: The same of what has at most 8 bits.
        bandwidth: Bytes from and to memory a second.
        overhead: Seconds that each operation takes besides, for its call and for the small ones
            around it; what is compiled needs less than the default.
    """

    batch: int = attrs.field(default=1, validator=ge(1))
    tokens: int | None = attrs.field(default=None, validator=optional(ge(1)))
    peak_32: float = attrs.field(default=45e9, validator=gt(0.0))
    peak_16: float = attrs.field(default=100e9, validator=gt(0.0))
    peak_8: float = attrs.field(default=200e9, validator=gt(0.0))
    bandwidth: float = attrs.field(default=24e9, validator=gt(0.0))
    overhead: float = attrs.field(default=2e-5, validator=ge(0.0))


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
    yield ObjectiveEntry(
        name="model_size",
        target="instatune_plugins.objectives.model_size:ModelSize",
        goal="min",
        unit="B",
        cost="exact",
        label="size",
        summary="bytes of the file of weights, at the bits that each module has",
    )
    yield ObjectiveEntry(
        name="roofline",
        target="instatune_plugins.objectives.roofline:Roofline",
        config=RooflineConfig,
        goal="min",
        unit="s",
        cost="exact",
        label="roofline time",
        summary="time of a pass on an idealised processor, from arithmetic, traffic and bits",
    )
    yield ObjectiveEntry(
        name="latency",
        target="instatune_plugins.objectives.latency:Latency",
        config=LatencyConfig,
        goal="min",
        unit="s",
        cost="device",
        label="latency",
        summary="measured time of a pass on this machine's CPU, against a yardstick",
    )
    yield ObjectiveEntry(
        name="latency_table",
        target="instatune_plugins.objectives.latency_table:LatencyTable",
        config=LatencyTableConfig,
        goal="min",
        unit="s",
        cost="exact",
        label="latency (table)",
        summary="time predicted from measured networks as a sum over layers",
    )
    yield ObjectiveEntry(
        name="latency_mlp",
        target="instatune_plugins.objectives.latency_mlp:LatencyMlp",
        config=LatencyMlpConfig,
        goal="min",
        unit="s",
        cost="exact",
        label="latency (perceptron)",
        summary="time predicted from measured networks by a multi-layer perceptron",
    )

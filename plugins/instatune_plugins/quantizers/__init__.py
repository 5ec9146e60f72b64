"""How bit widths of modules that multiply or look up are lowered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import gt, le

from instatune.plugin import hookimpl
from instatune.plugin.entries import QuantizerEntry


@attrs.frozen(kw_only=True)
class Int8Config:
    """Settings of ``int8``.

    They are about activations, which have 8 bits wherever weights have 4 or 8. Scales of weights
    follow from the weights alone.

    Attributes:
        range: What activations are rounded within. ``minmax``: from the smallest to the largest
            that calibration met. ``percentile``: outliers on both sides are cut off.
        percentile: Share of activations, in percent, that lie below the upper end for ``range:
            percentile``; as many lie above the lower end. Mean over the calibration batches.
        kernels: ``auto`` multiplies integers where the CPU does it fast and exactly, and computes
            with rounded floats elsewhere. ``fake``: rounded floats everywhere. Results are the same
            but for the order of additions. Networks that are saved in a folder compute so too.
    """

    range: Literal["minmax", "percentile"] = "minmax"
    percentile: float = attrs.field(default=99.99, validator=[gt(50.0), le(100.0)])
    kernels: Literal["auto", "fake"] = "auto"


@hookimpl
def instatune_quantizers() -> Iterator[QuantizerEntry]:
    """Offer static quantization after training."""
    yield QuantizerEntry(
        name="int8",
        target="instatune_plugins.quantizers.int8:Int8",
        config=Int8Config,
        bits=(4, 8, 16),
        simulates=True,
        summary="static 8-bit integers with calibrated activations; also 4-bit weights, bfloat16",
    )

"""95 % intervals of measurements.

Shares of counted examples get the interval of Wilson, "Probable inference, the law of succession,
and statistical inference", JASA 1927: unlike value ± 1.96 standard errors it does not shrink to
nothing at 0 % and 100 %. Everything else gets value ± 1.96 standard errors.
"""

from __future__ import annotations

import math

import attrs

from instatune.interfaces import Measurement

Z = 1.959964
"""97.5 % quantile of the normal distribution."""


@attrs.frozen
class Interval:
    """Bounds that hold the true value in 95 of 100 repetitions."""

    low: float
    high: float


def interval(measurement: Measurement) -> Interval | None:
    """Give the 95 % interval; None for exact values."""
    value, std, n = measurement.value, measurement.std, measurement.n
    if not (math.isfinite(value) and math.isfinite(std)) or std < 0:
        return None
    if _is_share(measurement):
        return wilson(value, n)
    return Interval(value - Z * std, value + Z * std) if std > 0 else None


def wilson(share: float, n: int) -> Interval:
    """Give Wilson's interval of a share of ``n`` examples."""
    spread = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    centre, scale = share + Z**2 / (2 * n), 1 + Z**2 / n
    return Interval(max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def within_noise(one: Measurement, other: Measurement) -> bool:
    """Whether two values differ by less than the noise of two independent samples explains.

    Networks are compared on the same examples, which makes differences less noisy than this says:
    the test is a cautious one.
    """
    error = math.hypot(one.std, other.std)
    return error > 0 and abs(one.value - other.value) < Z * error


def _is_share(measurement: Measurement) -> bool:
    value, n = measurement.value, measurement.n
    if n < 2 or not 0 <= value <= 1:
        return False
    return math.isclose(measurement.std, math.sqrt(value * (1 - value) / n), rel_tol=0.05)

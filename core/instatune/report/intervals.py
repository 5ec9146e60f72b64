"""95 % intervals of measurements.

Shares of counted examples get the interval of Wilson, "Probable inference, the law of succession,
and statistical inference", JASA 1927: unlike value ± 1.96 standard errors it does not shrink to
nothing at 0 % and 100 %. Everything else gets value ± 1.96 standard errors.
"""

from __future__ import annotations

import math

from instatune.interfaces import Measurement
from instatune.metrics.statistics import Z95, Interval, wilson


def interval(measurement: Measurement) -> Interval | None:
    """Give the 95 % interval; None for exact values."""
    value, std, n = measurement.value, measurement.std, measurement.n
    if not (math.isfinite(value) and math.isfinite(std)) or std < 0:
        return None
    if _is_share(measurement):
        return wilson(value, n)
    return Interval(value - Z95 * std, value + Z95 * std) if std > 0 else None


def within_noise(one: Measurement, other: Measurement) -> bool:
    """Whether two values differ by less than the noise of two independent samples explains.

    Networks are compared on the same examples, which makes differences less noisy than this says:
    the test is a cautious one.
    """
    error = math.hypot(one.std, other.std)
    return error > 0 and abs(one.value - other.value) < Z95 * error


def _is_share(measurement: Measurement) -> bool:
    value, n = measurement.value, measurement.n
    if n < 2 or not 0 <= value <= 1:
        return False
    return math.isclose(measurement.std, math.sqrt(value * (1 - value) / n), rel_tol=0.05)

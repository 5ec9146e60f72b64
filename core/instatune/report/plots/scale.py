"""Axes: where a value lies on the paper, and which values get a tick."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@attrs.frozen
class Scale:
    """A linear map from ``[low, high]`` to ``[start, end]`` in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Give the pixel of a value."""
        span = self.high - self.low
        return self.start + (value / span - self.low / span) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


def span_of(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """Give a range that holds all finite values with some air; never empty."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    air = (high - low) * margin or abs(high) * 0.1 or 0.5
    return low - air, high + air


def ticks(low: float, high: float, count: int = 6) -> tuple[float, ...]:
    """Give about ``count`` round values inside ``[low, high]``.

    Example:
        >>> ticks(0.0, 1.0, 5)
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    step = _step((high - low) / max(count, 1))
    if step <= 0 or not math.isfinite(step):
        return (low,)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return tuple(round(index * step, digits) for index in range(first, last + 1))


def decades(low: float, high: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Give ticks of an axis of decimal logarithms: whole powers of ten, with halves if few.

    Example:
        >>> decades(-2.1, 1.0)
        ((-2.0, -1.0, 0.0, 1.0), ('0.01', '0.1', '1', '10'))
    """
    powers = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    places = [float(power) for power in powers]
    if len(places) < 3:
        steps = (1.0, 2.0, 5.0)
        first, last = math.floor(low), math.ceil(high)
        places = [math.log10(step) + p for p in range(first, last + 1) for step in steps]
        places = [place for place in places if low <= place <= high]
    return tuple(places), tuple(f"{10**place:.4g}" for place in places)


def tick_texts(values: tuple[float, ...]) -> tuple[str, ...]:
    """Write ticks with as many digits as tell them apart, and no more."""
    if any(abs(value) >= 1e7 for value in values):
        return tuple(f"{value:.3g}" for value in values)
    for digits in range(7):
        texts = tuple(f"{value:,.{digits}f}" for value in values)
        exact = all(
            math.isclose(float(text.replace(",", "")), value, rel_tol=1e-9, abs_tol=1e-12)
            for text, value in zip(texts, values, strict=True)
        )
        if exact:
            break
    return tuple(text.replace("-", "−") for text in texts)


def _step(raw: float) -> float:
    if raw <= 0 or not math.isfinite(raw):
        return 0.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _STEPS if step * power >= raw * (1 - 1e-9))

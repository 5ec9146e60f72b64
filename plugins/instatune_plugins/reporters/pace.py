"""Pace: how fast work goes, and how long the rest will take.

Only work done in this process counts: a resumed task does not look fast because of what an earlier
process did. The rate is that of the last half minute or so, since the first steps are often slow.
"""

from __future__ import annotations

from collections import deque

from instatune.interfaces import Progress
from instatune.report.numbers import duration

WINDOW = 30
"""Samples that the rate looks back over, at least a second apart."""


class Pace:
    """Clock of one task."""

    def __init__(self, done: int, now: float) -> None:
        """Start the clock.

        Args:
            done: Units that were done before, by an earlier process.
            now: Time in seconds, of a clock that never goes back.
        """
        self.started = now
        self.first = done
        self._samples = deque([(now, done)], maxlen=WINDOW)
        self._rate: float | None = None

    def update(self, done: int, now: float) -> None:
        """Note how far the work is."""
        then, before = self._samples[0]
        if now > then and done > before:
            self._rate = (done - before) / (now - then)
        if now - self._samples[-1][0] >= 1.0:
            self._samples.append((now, done))

    @property
    def rate(self) -> float | None:
        """Units per second; None as long as nothing was done."""
        return self._rate

    def left(self, progress: Progress) -> float | None:
        """Seconds that the rest will take; None where that is not known yet."""
        if self._rate is None or progress.total <= 0:
            return None
        return max(progress.total - progress.done, 0) / self._rate


def rate_text(rate: float | None, unit: str) -> str:
    """Write a rate, e.g. ``"3.1 steps/s"`` or ``"1.2 s/step"``."""
    if not rate:
        return ""
    return f"{rate:,.1f} {plural(unit)}/s" if rate >= 1 else f"{1 / rate:.1f} s/{unit}"


def left_text(seconds: float | None) -> str:
    """Write the time left, e.g. ``"2 min 15 s left"``."""
    return "" if seconds is None else f"{plain_duration(seconds)} left"


def plain_duration(seconds: float) -> str:
    """Write a time span without the no-break spaces that some terminals show as rubbish."""
    return duration(seconds).replace("\u00a0", " ")


def values_text(progress: Progress) -> str:
    """Write the live values, e.g. ``"loss 0.412"``."""
    return ", ".join(f"{name} {value:.4g}" for name, value in progress.values.items())


def plural(unit: str) -> str:
    """Give the plural of a unit of counting."""
    if unit.endswith("s"):
        return unit
    return f"{unit}es" if unit.endswith(("ch", "sh", "x")) else f"{unit}s"

"""Timing: what functions take, side by side on a machine that is not ours alone.

Clocks of shared machines drift: a neighbour starts, the processor gets warm. Functions that are to
be compared therefore take turns, so that a drift hits all alike, and medians stand for them, which
a few disturbed rounds do not move.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import attrs
import numpy as np
from numpy.typing import ArrayLike

Name = TypeVar("Name", bound=Hashable)

LEAST = 3
"""Rounds that are made however long they take: fewer have no spread."""


@attrs.frozen
class Timing:
    """Seconds that a function took.

    Attributes:
        seconds: Of each round, in order; the same index is the same round in all functions.
    """

    seconds: tuple[float, ...]

    @property
    def n(self) -> int:
        """Number of rounds."""
        return len(self.seconds)

    @property
    def median(self) -> float:
        """The middle one, in seconds."""
        return float(np.median(self.seconds))

    @property
    def iqr(self) -> float:
        """Distance of the quartiles, in seconds."""
        return _iqr(self.seconds)

    @property
    def error(self) -> float:
        """Standard error of the median, in seconds."""
        return median_error(self.seconds)


def time_interleaved(
    functions: Mapping[Name, Callable[[], object]],
    *,
    repeats: int,
    warmup: int = 1,
    seconds: float | None = None,
    threads: AbstractContextManager[object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, Timing]:
    """Time functions in rounds: each one once a round, and in each round another one is first.

    Args:
        functions: By name. They end when their work has ended: what computes on another device must
            wait for it.
        repeats: Rounds that are timed, at least 1.
        warmup: Rounds before, which are not.
        seconds: Time to spend on all rounds together; None for no limit. At least ``LEAST`` rounds
            are timed, or ``repeats`` if that is less, and one round may take longer.
        threads: Entered for all rounds, to fix the number of threads; None to leave it alone.
        clock: Seconds from some fixed time on.

    Raises:
        ValueError: ``repeats`` is below 1.
        Exception: What a function raises.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; it must be at least 1")
    names = list(functions)
    taken: dict[Name, list[float]] = {name: [] for name in names}
    ends = math.inf if seconds is None else clock() + seconds
    with threads or nullcontext(), _no_collection():
        for _ in range(warmup):
            for name in names:
                functions[name]()
            if clock() > ends:
                break
        for number in range(repeats):
            for name in _turned(names, number):
                begin = clock()
                functions[name]()
                taken[name].append(clock() - begin)
            if number + 1 >= LEAST and clock() > ends:
                break
    return {name: Timing(tuple(times)) for name, times in taken.items()}


def median_error(values: ArrayLike) -> float:
    """Standard error of the median of a sample, from the distance of its quartiles.

    ``1.25 IQR / (1.35 sqrt(n))``: a few wild values do not blow it up (McGill, Tukey and Larsen,
    "Variations of box plots", The American Statistician, 1978).
    """
    sample = np.asarray(values, dtype=np.float64)
    return 1.25 * _iqr(sample) / (1.35 * math.sqrt(sample.size))


def _iqr(values: ArrayLike) -> float:
    low, high = np.quantile(np.asarray(values, dtype=np.float64), (0.25, 0.75))
    return float(high - low)


def _turned(names: Sequence[Name], number: int) -> Sequence[Name]:
    """Begin with another one in each round: no one always follows a rest, or the same one's work.

    With two functions, A B B A A B B A: each follows both alike.
    """
    start = number % len(names) if names else 0
    return [*names[start:], *names[:start]]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let no garbage collection fall into one of the rounds."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

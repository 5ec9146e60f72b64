"""Latency: seconds of one forward pass on the CPU of this machine, told against a yardstick.

Machines are shared, and minutes lie between the first and the last network of a search: a clock
alone would tell the weather. Each network is therefore timed in turns with a yardstick, the largest
network of the space in full precision in eager torch, and what counts is the ratio of both in the
same round. The value is the median ratio, in units of what the yardstick took when it was first
timed in this run::

    value = median over rounds (own / yardstick) * first median of the yardstick

So a value in seconds is what the network would have taken in that first minute. A load that slows
both alike, while or between networks are measured, cancels; one that was there in the first minute
scales all values of the run alike and changes no order. What does not cancel are loads that slow
small and large networks by different factors: measure on a quiet machine if you can.

``std`` is the standard error of the median ratio, scaled likewise. That of the unit is not in it:
it is common to all networks, and does not tell them apart. ``n`` is the number of rounds.

One pass reads ``batch`` examples at once. For language models it is that of reading a prompt; the
writing of answers, word by word, is another matter. Networks with quantized modules are to be timed
in a runtime that computes with integers: eager torch may be slower with less bits.

Measured networks of a finished run are samples to predict from: see ``latency_table``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from instatune.engine.threads import torch_threads
from instatune.interfaces import Batch, Bench, Measurement, Objective
from instatune.metrics.timing import Timing, median_error, time_interleaved
from instatune_plugins.objectives._length import length
from instatune_plugins.objectives.latency_config import LatencyConfig

if TYPE_CHECKING:
    from instatune.space import Architecture

Pass = Callable[[], object]
"""One forward pass."""


@attrs.frozen(kw_only=True)
class Yardstick:
    """What networks are compared with.

    Attributes:
        bench: That it was made on.
        batch: What all networks of that bench are run on.
        run: One pass of it.
        unit: Seconds that count as one pass of it.
    """

    bench: Bench
    batch: Batch
    run: Pass
    unit: float


class Latency(Objective):
    """Times one network after the other, each against the yardstick."""

    config: LatencyConfig

    def __init__(self, config: LatencyConfig | None = None) -> None:
        super().__init__(config or LatencyConfig())
        self._last: Yardstick | None = None

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """See :meth:`Objective.measure`.

        Raises:
            SpaceError: More tokens than the model takes.
            DataError: A number of tokens is asked for, but examples have none.
            SearchError: The runtime is no exporter of this run that can run networks.
        """
        yardstick = self._yardstick(bench)
        for architecture in architectures:
            run = self._pass(bench, architecture, self.config.runtime, yardstick.batch)
            timings = self._timed({"own": run, "yardstick": yardstick.run})
            done(against(timings["own"], timings["yardstick"], yardstick.unit))

    def _yardstick(self, bench: Bench) -> Yardstick:
        if self._last is None or self._last.bench is not bench:
            config = self.config
            length(config.tokens, bench.anatomy)
            batch = bench.example(config.batch, config.tokens)
            run = self._pass(bench, bench.space.largest, "eager", batch)
            # Not all settings: what the unit is does not depend on the runtime of the others.
            name = f"latency unit {config.batch} {config.tokens} {config.threads}"
            unit = bench.once(name, lambda: _alone(self._timed({"": run})[""]))
            self._last = Yardstick(bench=bench, batch=batch, run=run, unit=unit.value)
        return self._last

    def _pass(self, bench: Bench, architecture: Architecture, runtime: str, batch: Batch) -> Pass:
        """One forward pass of a network, as a function."""
        if runtime != "eager":
            runner = bench.runner(architecture, runtime, self.config.threads)
            return _inferring(lambda: runner(batch))
        model = bench.extracted(architecture)
        return _inferring(lambda: bench.forward(model, batch))

    def _timed(self, runs: dict[str, Pass]) -> dict[str, Timing]:
        return time_interleaved(
            runs,
            repeats=self.config.repeats,
            warmup=self.config.warmup,
            seconds=self.config.seconds,
            threads=torch_threads(self.config.threads),
        )


def against(own: Timing, yardstick: Timing, unit: float) -> Measurement:
    """The value of a network that was timed in turns with the yardstick; see the module.

    Args:
        own: Of the network.
        yardstick: Of the same rounds.
        unit: Seconds that count as one pass of the yardstick.
    """
    ratios = np.array(own.seconds) / np.array(yardstick.seconds)
    return Measurement(unit * float(np.median(ratios)), unit * median_error(ratios), own.n)


def _alone(timing: Timing) -> Measurement:
    return Measurement(timing.median, timing.error, timing.n)


def _inferring(run: Pass) -> Pass:
    """The same without a record for gradients; what runs elsewhere does not mind."""

    def pass_() -> object:
        with torch.inference_mode():
            return run()

    return pass_

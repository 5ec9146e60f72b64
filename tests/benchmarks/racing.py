"""What elasticity costs, measured: an elastic training step against its parts on static modules.

    elastic = full model forward and backward + sub-network forward and backward inside
              ``Supernet.active`` + one AdamW step
    ideal   = static full model forward and backward + extracted sub-network forward and backward
              + one AdamW step of the static full model

Both run in one process, in turn, each with a model and an optimiser of its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor, nn, optim

from instatune.interfaces import Batch
from instatune.space import Architecture
from instatune.supernet.supernet import Supernet

WARM_UP = 2

Loss = Callable[[Tensor], Tensor]
"""From logits to a scalar."""

Pair = tuple[float, float]
"""Seconds of an elastic and of an ideal step that were measured next to each other."""


class Race:
    """Both kinds of step on the same batch."""

    def __init__(
        self,
        make: Callable[[], Supernet],
        batch: Batch,
        loss: Loss,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take a maker of equal super-networks, and what tells the time."""
        self.elastic, self.static = make(), make()
        self.batch, self.loss, self.clock = batch, loss, clock
        self.optimisers = {
            net: optim.AdamW(net.model.parameters(), lr=1e-6) for net in (self.elastic, self.static)
        }

    def elastic_step(self, architecture: Architecture) -> None:
        """Train the super-network and one sub-network of it."""
        net = self.elastic
        self.optimisers[net].zero_grad()
        self.loss(net.logits(self.batch)).backward()
        with net.active(architecture):
            logits = net.logits(self.batch)
        self.loss(logits).backward()
        self.optimisers[net].step()

    def ideal_step(self, small: nn.Module) -> None:
        """Train a static module, and differentiate a small one that was cut out before."""
        net = self.static
        self.optimisers[net].zero_grad()
        small.zero_grad()
        self.loss(net.logits(self.batch)).backward()
        self.loss(net.forward(small, self.batch)).backward()
        self.optimisers[net].step()

    def plain_step(self) -> None:
        """Train a static module: ordinary fine-tuning."""
        net = self.static
        self.optimisers[net].zero_grad()
        self.loss(net.logits(self.batch)).backward()
        self.optimisers[net].step()

    def pairs(self, architecture: Architecture, repeats: int) -> Iterator[Pair]:
        """Measure both steps next to each other, either one first."""
        small = self.static.extract(architecture)
        for turn in range(WARM_UP + repeats):
            if turn % 2:
                ours = self.seconds(lambda: self.elastic_step(architecture))
            ideal = self.seconds(lambda: self.ideal_step(small))
            if not turn % 2:
                ours = self.seconds(lambda: self.elastic_step(architecture))
            if turn >= WARM_UP:
                yield ours, ideal

    def seconds(self, step: Callable[[], None]) -> float:
        """Time of one call."""
        start = self.clock()
        step()
        return self.clock() - start


def ratios(pairs: Sequence[Pair]) -> list[float]:
    """Elastic by ideal, pair by pair."""
    return [ours / ideal for ours, ideal in pairs]


def milliseconds(pairs: Sequence[Pair]) -> dict[str, float]:
    """Median time of both steps."""
    return {
        "elastic_ms": round(1e3 * statistics.median(ours for ours, _ in pairs), 1),
        "ideal_ms": round(1e3 * statistics.median(ideal for _, ideal in pairs), 1),
    }


def quartiles(values: Sequence[float]) -> list[float]:
    """The three quartiles, rounded."""
    return [round(quartile, 4) for quartile in statistics.quantiles(values, n=4)]

"""Forecast: how long each stage of a run will take on this machine.

Each stage does a known number of things of a few kinds (training steps, forward passes over a
split, loading and saving); their seconds are measured and multiplied.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs
import numpy as np

from instatune.engine.baselines import reference_networks
from instatune.engine.problem import make_strategy
from instatune.engine.stages.teach import CURVE_EXAMPLES
from instatune.engine.stopwatch import Course, Paces, Stopwatch
from instatune.interfaces import Evaluation, Gauge, Measurement, Network, Problem
from instatune.plugin.entries import DimensionEntry, OrderingEntry
from instatune.space import Anatomy, Architecture, Gene, SearchSpace
from instatune.space.counting import macs
from instatune.supernet import subnet
from instatune.supernet.supernet import Supernet

if TYPE_CHECKING:
    from instatune.engine.workshop import Workshop
    from instatune.spec.model import TrainingSection

_DRAWN_STEPS = 64  # steps of the sampler that its mix is told from
_DRY_SECONDS = 6.0  # how long the strategy is watched
_FORMS = 4  # forms of a network that are compared: slice, masked, extracted, reloaded
_PROBES = 2  # batches that they are compared on

Result = TypeVar("Result")


@attrs.frozen(kw_only=True)
class StageTime:
    """Forecast of one stage.

    Attributes:
        name: Of the stage.
        seconds: About how long it will take.
        parts: What that is made of: seconds by a few words.
    """

    name: str
    seconds: float
    parts: dict[str, float]


class Forecaster:
    """Measures and multiplies. What it loads on the way is timed too."""

    def __init__(self, shop: Workshop) -> None:
        """Load data and model."""
        self.shop = shop
        self.load_seconds, _ = _timed(lambda: shop.splits)
        self.encode_seconds, _ = _timed(lambda: (shop.features("train"), shop.features("search")))
        self.model_seconds, self.model = _timed(shop.pretrained)
        self.describe_seconds, self.anatomy = _timed(lambda: shop.adapter.describe(self.model))
        self.genes: tuple[Gene, ...] = tuple(
            gene for dimension in shop.dimensions for gene in dimension.genes(self.anatomy)
        )

    def stages(
        self, problem: Problem, networks: Sequence[Architecture], seconds: float
    ) -> tuple[StageTime, ...]:
        """Forecast all stages but the report, which takes a few seconds at most.

        Args:
            problem: Of the search.
            networks: Largest, median, smallest.
            seconds: About how long to measure.
        """
        shop, space = self.shop, problem.space
        spec = shop.plan.spec
        supernet = Supernet(
            self.model.to(shop.device), self.anatomy, space, shop.adapter.logits
        )
        watch = Stopwatch(shop, supernet, networks)
        train = Course.over(shop, "train", spec.tune.batch_size, epoch=0)
        search = Course.over(
            shop, "search", spec.search.batch_size, limit=spec.search.examples
        )
        paces = watch.paces(train, search, seconds)
        return _Sums(self, problem, paces, networks, train, search, supernet).stages()


class _Sums:
    """The arithmetic of a forecast."""

    def __init__(
        self,
        known: Forecaster,
        problem: Problem,
        paces: Paces,
        networks: Sequence[Architecture],
        *measured: object,
    ) -> None:
        self.known, self.shop, self.problem, self.paces = known, known.shop, problem, paces
        self.space: SearchSpace = problem.space
        self.networks = networks
        self.train, self.search, self.supernet = measured

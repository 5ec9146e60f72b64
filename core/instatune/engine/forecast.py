"""Forecast: how long each stage of a run will take on this machine.

Each stage does a known number of things of a few kinds (training steps, forward passes over a
split, loading, saving); the seconds of each kind are measured here and multiplied. The report,
which takes a few seconds at most, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from instatune.engine.forecast_ends import exporting, measuring, references, verifying
from instatune.engine.rehearsal import damages, dry_search, sampled, store_seconds, timed
from instatune.engine.stages import (
    elastic,
    export,
    load,
    measure,
    order,
    search,
    teach,
    tune,
    verify,
)
from instatune.engine.stopwatch import Course, Paces, Stopwatch
from instatune.engine.workshop import Workshop
from instatune.interfaces import Problem
from instatune.plugin.entries import OrderingEntry
from instatune.space import Anatomy, Architecture, SearchSpace
from instatune.space.counting import macs
from instatune.spec.model import TrainingSection
from instatune.supernet.supernet import Supernet

Parts = dict[str, float]


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
    parts: Parts


@attrs.frozen(kw_only=True)
class Loaded:
    """Super-network and data of a run, and how long it took to get them.

    Attributes:
        supernet: In its first order of layers and units.
        read: Seconds to read the data.
        encode: To encode training and search split.
        first: To load the checkpoint for the first time, libraries included.
        model: To load it again.
        describe: To make the anatomy.
    """

    supernet: Supernet
    read: float
    encode: float
    first: float
    model: float
    describe: float

    @classmethod
    def by(cls, shop: Workshop, make: Callable[[Anatomy], SearchSpace]) -> Loaded:
        """Load everything; ``make`` gives the search space."""
        read, _ = timed(lambda: shop.splits)
        encode, _ = timed(lambda: (shop.features("train"), shop.features("search")))
        first, _ = timed(shop.pretrained)
        again, model = timed(shop.pretrained)
        describe, anatomy = timed(lambda: shop.adapter.describe(model))
        supernet = Supernet(model.to(shop.device), anatomy, make(anatomy), shop.adapter.logits)
        return cls(
            supernet=supernet,
            read=read,
            encode=encode,
            first=first,
            model=again,
            describe=describe,
        )


@attrs.frozen(kw_only=True)
class Facts:
    """All that was measured, for the arithmetic below.

    Attributes:
        shop: For the plan and the components.
        loaded: Super-network and data.
        problem: Of the search.
        paces: Of training and scoring.
        train: A pass over the training split as tuning makes it.
        median: A network of middling size.
        store: Seconds to extract a network, save it and load it back.
    """

    shop: Workshop
    loaded: Loaded
    problem: Problem
    paces: Paces
    train: Course
    median: Architecture
    store: float

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.problem.space

    def sizes(
        self, networks: Sequence[Architecture]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """MACs ``[networks]``."""
        counts = macs(self.loaded.supernet.anatomy)
        return self.space.count(counts, self.space.encode(list(networks)))

    def scoring(self, course: Course, networks: Sequence[Architecture]) -> float:
        """Seconds to run each of these networks over a split once."""
        volume = course.volume + self.shop.calibration.volume(self.loaded.supernet)
        return volume * float(self.paces.infer.of(self.sizes(networks)).sum())

    def curve(self, settings: TrainingSection, steps: int, networks: list[Architecture]) -> float:
        """Seconds for the points of a training curve."""
        points = self.shop.plan.spec.tune.curve_points
        if not points:
            return 0.0
        every = max(1, steps // points)
        course = Course.over(self.shop, "search", settings.batch_size, limit=teach.CURVE_EXAMPLES)
        times = steps // every + 1 + bool(steps % every)
        return times * (self.scoring(course, networks) + course.volume * self.paces.read)


def forecast(
    shop: Workshop,
    loaded: Loaded,
    problem: Problem,
    networks: Sequence[Architecture],
    seconds: float,
) -> tuple[StageTime, ...]:
    """Forecast all stages but the report.

    Args:
        shop: Of the run.
        loaded: What it works on.
        problem: Of the search.
        networks: Some of unlike sizes to measure, the middling one in the middle.
        seconds: About how long to measure.
    """
    spec = shop.plan.spec
    train = Course.over(shop, "train", spec.tune.batch_size, epoch=0)
    scored = Course.over(shop, "search", spec.search.batch_size, limit=spec.search.examples)
    median = networks[len(networks) // 2]
    facts = Facts(
        shop=shop,
        loaded=loaded,
        problem=problem,
        paces=Stopwatch(shop, loaded.supernet, networks).paces(train, scored, seconds),
        train=train,
        median=median,
        store=store_seconds(shop, loaded.supernet, median),
    )
    table: tuple[tuple[str, Callable[[Facts], Parts]], ...] = (
        (load.STAGE.name, _load),
        (teach.STAGE.name, _teach),
        (elastic.STAGE.name, _elastic),
        (order.STAGE.name, _order),
        (tune.STAGE.name, _tune),
        (search.STAGE.name, _search),
        (verify.STAGE.name, verifying),
        (export.STAGE.name, exporting),
        (measure.STAGE.name, measuring),
    )
    made = ((name, parts(facts)) for name, parts in table)
    return tuple(StageTime(name=n, seconds=sum(p.values()), parts=p) for n, p in made)


def _load(facts: Facts) -> Parts:
    return {"read the data": facts.loaded.read}


def _teach(facts: Facts) -> Parts:
    settings = facts.shop.plan.spec.teach
    course = Course.over(facts.shop, "train", settings.batch_size, epoch=0)
    steps = _steps(settings, course)
    largest = facts.space.largest
    return {
        "load and encode": facts.loaded.first + facts.loaded.encode,
        "train": steps * _step(facts, course, float(facts.sizes([largest])[0])),
        "curve": facts.curve(settings, steps, [largest]),
    }


def _elastic(facts: Facts) -> Parts:
    return {"load": facts.loaded.model, "describe": facts.loaded.describe}


def _order(facts: Facts) -> Parts:
    shop, largest = facts.shop, facts.sizes([facts.space.largest])[0]
    course = Course.over(shop, "train", shop.plan.spec.teach.batch_size, epoch=0)
    probed = float(course.volumes[: shop.plan.spec.order.batches].sum())
    gradients = isinstance(shop.plan.ordering.entry, OrderingEntry) and (
        shop.plan.ordering.entry.needs_gradients
    )
    return {
        "load": 2 * facts.loaded.model + facts.loaded.describe,
        "units": probed * float(facts.paces.train.of(largest)) if gradients else 0.0,
        "layers": probed
        * float(facts.paces.infer.of(largest))
        * damages(shop, facts.loaded.supernet.anatomy),
    }


def _tune(facts: Facts) -> Parts:
    shop, settings = facts.shop, facts.shop.plan.spec.tune
    steps = _steps(settings, facts.train)
    largest = facts.space.largest
    watched = [largest, facts.median, facts.space.smallest]
    taught = shop.schedule.uses_teacher(settings.epochs)
    passes = (1 if shop.task.deterministic else settings.epochs) if taught else 0
    return {
        "load": facts.loaded.model,
        "teacher": passes * facts.scoring(facts.train, [largest]),
        "train": _mix(facts, steps),
        "curve": facts.curve(settings, steps, watched),
    }


def _mix(facts: Facts, steps: int) -> float:
    """Seconds of all steps of tuning, with the networks that the sampler draws."""
    drawn, looked, observed = sampled(facts.shop, facts.loaded.supernet, steps)
    paces = float(facts.paces.train.of(facts.sizes(drawn)).sum())
    if looked:
        paces += float(facts.paces.infer.of(facts.sizes(looked)).sum())
    volume = facts.train.volume / len(facts.train.volumes)
    one = volume * (paces / observed + facts.paces.read) + facts.paces.update
    return steps * one


def _search(facts: Facts) -> Parts:
    shop, section = facts.shop, facts.shop.plan.spec.search
    course = Course.over(shop, "search", section.batch_size, limit=section.examples)
    budget = min(section.evaluations, facts.space.size)
    one = facts.scoring(course, [facts.median])
    strategy, asked = dry_search(shop, facts.problem, facts.sizes)
    each = facts.scoring(course, asked) / len(asked) if asked else one
    searches = 1 if shop.plan.quantizer is None else 2  # at random, and with all bits alike
    baselines = searches * budget * one + facts.scoring(course, references(facts))
    return {
        "load": 2 * facts.loaded.model + facts.loaded.describe + course.volume * facts.paces.read,
        "strategy": strategy,
        "evaluate": budget * each,
        "baselines": baselines if section.baselines else 0.0,
    }


def _steps(settings: TrainingSection, course: Course) -> int:
    total = settings.epochs * len(course.volumes)
    return min(total, settings.max_steps or total)


def _step(facts: Facts, course: Course, size: float) -> float:
    """Seconds of one training step of a network."""
    volume = course.volume / len(course.volumes)
    return volume * (float(facts.paces.train.of(size)) + facts.paces.read) + facts.paces.update

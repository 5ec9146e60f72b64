"""Profile: what a spec asks for, before anything is trained.

The size of the space and of its networks is exact; how many networks meet a constraint is exact for
small spaces and a share with an interval for large ones; times are extrapolated from a few steps on
real batches (:mod:`stopwatch`, :mod:`forecast`). Nothing is written into the run folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np

from instatune.engine.census import Census, Count
from instatune.engine.events import Events
from instatune.engine.folder import RunFolder
from instatune.engine.forecast import Loaded, StageTime, forecast
from instatune.engine.problem import exact_functions, state_problem
from instatune.engine.workshop import Workshop
from instatune.interfaces import Limit, Problem
from instatune.plugin.entries import ObjectiveEntry
from instatune.plugin.manager import Plugins
from instatune.space import Anatomy, Architecture, Gene, SearchSpace
from instatune.space.counting import macs, parameters
from instatune.spec.plan import Plan
from instatune.supernet.build import search_space

_DRAWS = 2001  # networks that the median is taken of; odd, so that it is one of them
_FLOAT = 4  # bytes


@attrs.frozen(kw_only=True)
class Choices:
    """Genes with the same choices.

    Attributes:
        genes: Their names.
        choices: Values of each.
    """

    genes: tuple[str, ...]
    choices: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Size:
    """One network.

    Attributes:
        name: ``largest``, ``median`` or ``smallest``, by MACs.
        macs: Of one example.
        parameters: Weights.
        size_bytes: Of the weights in float32.
    """

    name: str
    macs: int
    parameters: int
    size_bytes: int


@attrs.frozen(kw_only=True)
class Bound:
    """A constraint, or all of them together.

    Attributes:
        name: Objective; ``all`` for all that are exact.
        low: Lower bound in the objective's unit, None for none.
        high: Upper bound.
        unit: Of both.
        met_by: Networks that meet it; None where it has to be measured first.
        range: Smallest and largest value in the space; None where it has to be measured.
    """

    name: str
    low: float | None
    high: float | None
    unit: str
    met_by: Count | None
    range: tuple[float, float] | None = None

    @property
    def possible(self) -> bool | None:
        """Whether some network meets it, as far as was seen; None where nobody can know."""
        return None if self.met_by is None else self.met_by.count > 0


@attrs.frozen(kw_only=True)
class Profile:
    """Everything that can be told before a run.

    Attributes:
        size: Number of distinct networks.
        choices: Of all genes.
        networks: Largest, median and smallest.
        tokens: Length of input that MACs refer to.
        bounds: Constraints; with several exact ones, the last entry is for all together.
        stages: Time of each stage; empty if not asked for.
    """

    size: int
    choices: tuple[Choices, ...]
    networks: tuple[Size, ...]
    tokens: int
    bounds: tuple[Bound, ...]
    stages: tuple[StageTime, ...]

    @property
    def seconds(self) -> float:
        """Of all stages together."""
        return sum(stage.seconds for stage in self.stages)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**attrs.asdict(self), "seconds": self.seconds}


def profile(plan: Plan, plugins: Plugins, *, seconds: float = 20.0) -> Profile:
    """Profile a plan on this machine.

    Args:
        plan: Checked and resolved.
        plugins: What may take part.
        seconds: About how long to measure; 0 leaves the times of stages out.

    Returns:
        Sizes, constraints and times.

    Raises:
        InstatuneError: Data or checkpoint cannot be read, or do not fit.
    """
    with _workshop(plan, plugins) as shop:
        loaded = Loaded.by(shop, lambda anatomy: search_space(anatomy, _genes(shop, anatomy)))
        space, anatomy = loaded.supernet.space, loaded.supernet.anatomy
        named = _named(space, anatomy)
        problem = _problem(shop, space, anatomy)
        networks = tuple(named.values())
        return Profile(
            size=space.size,
            choices=tuple(_choices(space.genes)),
            networks=tuple(_sizes(space, anatomy, named)),
            tokens=anatomy.tokens,
            bounds=tuple(_bounds(shop, problem)),
            stages=forecast(shop, loaded, problem, networks, seconds) if seconds else (),
        )


def _genes(shop: Workshop, anatomy: Anatomy) -> tuple[Gene, ...]:
    return tuple(
        gene
        for dimension in (*shop.dimensions, *shop.quantizing)
        for gene in dimension.genes(anatomy)
    )


def _problem(shop: Workshop, space: SearchSpace, anatomy: Anatomy) -> Problem:
    """The problem of the search; bounds on what must be measured stay factors."""
    exact = exact_functions(shop, space, anatomy)
    largest = space.encode([space.largest])

    def full_value(name: str) -> float:
        return float(exact[name](largest)[0]) if name in exact else 1.0

    return state_problem(shop, space, exact, full_value)


@contextmanager
def _workshop(plan: Plan, plugins: Plugins) -> Iterator[Workshop]:
    """A workshop whose run folder is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="instatune-profile-") as name:
        folder = RunFolder(Path(name))
        shop = Workshop(plan, plugins, folder, Events((), folder.path / "events.jsonl"))
        try:
            yield shop
        finally:
            shop.close()


def _named(space: SearchSpace, anatomy: Anatomy) -> dict[str, Architecture]:
    """The networks to tell of; the median is that of networks with genes drawn uniformly."""
    drawn = space.sample(np.random.default_rng(0), _DRAWS)
    counts = space.count(macs(anatomy), drawn)
    middle = drawn[[int(np.argsort(counts, kind="stable")[_DRAWS // 2])]]
    return {
        "largest": space.largest,
        "median": space.decode(middle)[0],
        "smallest": space.smallest,
    }


def _sizes(space: SearchSpace, anatomy: Anatomy, named: dict[str, Architecture]) -> Iterator[Size]:
    work, weights = macs(anatomy), parameters(anatomy)
    for name, architecture in named.items():
        kept = space.kept_units(architecture), space.kept_layers(architecture)
        count = weights.at(*kept)
        yield Size(name=name, macs=work.at(*kept), parameters=count, size_bytes=_FLOAT * count)


def _choices(genes: Sequence[Gene]) -> Iterator[Choices]:
    """Genes that differ in their layer only are told together."""
    alike: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for gene in genes:
        alike.setdefault((gene.name.partition(".")[0], gene.choices), []).append(gene.name)
    for (_, choices), names in alike.items():
        yield Choices(genes=tuple(names), choices=choices)


def _bounds(shop: Workshop, problem: Problem) -> Iterator[Bound]:
    if not problem.limits:
        return
    space = problem.space
    census = Census.of(space, np.random.default_rng(shop.seed("census")))
    met = []
    for limit in problem.limits:
        bound = _bound(shop, problem, limit, census)
        if bound.met_by is not None:
            met.append(limit.violation(problem.exact[limit.name](census.genotypes)) == 0)
        yield bound
    if len(met) > 1:
        together = census.count(np.logical_and.reduce(met))
        yield Bound(name="all", low=None, high=None, unit="", met_by=together)


def _bound(shop: Workshop, problem: Problem, limit: Limit, census: Census) -> Bound:
    parts = (*shop.plan.objectives, *shop.plan.limits_only)
    entry = next(cast("ObjectiveEntry", p.entry) for p in parts if p.name == limit.name)
    relative = shop.plan.spec.constraints[limit.name].relative
    unknown = not limit.exact
    bound = Bound(
        name=limit.name,
        low=None if np.isinf(limit.low) else limit.low,
        high=None if np.isinf(limit.high) else limit.high,
        unit="of the full model's" if unknown and relative else entry.unit,
        met_by=None,
    )
    if unknown:
        return bound
    space = problem.space
    ends = space.encode([space.smallest, space.largest])
    values = problem.exact[limit.name](np.concatenate([census.genotypes, ends]))
    met = limit.violation(values) == 0
    count = census.count(met[: len(census.genotypes)])
    if met.any() and not count.count:  # too rare to be drawn, but one end of the space is in it
        count = attrs.evolve(count, count=1, low=1, high=max(1, count.high))
    return attrs.evolve(bound, met_by=count, range=(float(values.min()), float(values.max())))

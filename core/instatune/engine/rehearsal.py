"""Rehearsal: components of a run do their work once, or on made-up values, to see what it takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from instatune.engine.problem import make_strategy
from instatune.engine.workshop import Workshop
from instatune.interfaces import Evaluation, Gauge, Measurement, Network, Problem
from instatune.plugin.entries import DimensionEntry
from instatune.space import Anatomy, Architecture
from instatune.space.counting import macs
from instatune.supernet import subnet
from instatune.supernet.supernet import Supernet

Result = TypeVar("Result")
Sizes = Callable[[Sequence[Architecture]], NDArray[np.float64]]
"""MACs ``[networks]`` of architectures."""

_DRAWN_STEPS = 64  # steps of the sampler that its mix is told from
_DRY_SECONDS = 6.0  # how long the strategy is watched at most


def sampled(
    shop: Workshop, supernet: Supernet, steps: int
) -> tuple[list[Architecture], list[Architecture], int]:
    """Let the sampler draw in some steps of a tuning.

    Returns:
        The networks that it trains, those whose loss it asks for before, and the number of steps.
    """
    space, count = supernet.space, macs(supernet.anatomy)
    looked: list[Architecture] = []

    def loss(architecture: Architecture) -> float:
        looked.append(architecture)
        return float(len(looked))

    gauge = Gauge(macs=lambda genotypes: space.count(count, genotypes), loss=loss)
    picked = np.unique(np.linspace(0, steps - 1, min(steps, _DRAWN_STEPS)).astype(int)).tolist()
    drawn: list[Architecture] = []
    for step in picked:
        rng = np.random.default_rng(shop.seed("draw", step))
        draws = shop.sampler.draw_with(gauge, space, step, steps, rng)
        drawn += [draw.architecture for draw in draws]
    return drawn, looked, len(picked)


def damages(shop: Workshop, anatomy: Anatomy) -> float:
    """Forward passes of the full model that ranking the layers is worth."""
    asked: list[float] = []
    for part, dimension in zip(shop.plan.elastic, shop.dimensions, strict=True):
        if not isinstance(part.entry, DimensionEntry) or part.entry.effect != "depth":
            continue
        for stack in anatomy.stacks:

            def damage(kept: tuple[int, ...], layers: int = stack.layers) -> float:
                asked.append(len(kept) / layers)
                return float(len(asked))

            dimension.priority(stack, damage)
        break  # the first one decides, as in the stage
    return sum(asked)


def dry_search(shop: Workshop, problem: Problem, sizes: Sizes) -> tuple[float, list[Architecture]]:
    """Seconds that the strategy itself thinks, and the networks that it asks for.

    It is told made-up values, larger networks being better, as they mostly are.
    """
    rng = np.random.default_rng(shop.seed("dry search"))
    begin = time.perf_counter()
    strategy = make_strategy(shop, problem, rng)
    seen: list[Architecture] = []
    while len(seen) < problem.budget and time.perf_counter() - begin < _DRY_SECONDS:
        asked = list(strategy.ask(problem.budget - len(seen)))
        new = [architecture for architecture in dict.fromkeys(asked) if architecture not in seen]
        if not new:
            break
        seen += new
        strategy.tell([_made_up(problem, sizes, architecture, rng) for architecture in asked])
    spent = time.perf_counter() - begin
    return spent * max(1.0, problem.budget / max(1, len(seen))), seen


def _made_up(
    problem: Problem, sizes: Sizes, architecture: Architecture, rng: np.random.Generator
) -> Evaluation:
    genotype = problem.space.encode([architecture])
    share = float((sizes([architecture]) / sizes([problem.space.largest]))[0])
    names = {aim.name: aim.goal for aim in problem.aims}
    values = {}
    for name in {*names, *(limit.name for limit in problem.limits)}:
        if name in problem.exact:
            values[name] = Measurement(float(problem.exact[name](genotype)[0]))
        else:
            good = share + 0.05 * float(rng.normal())
            values[name] = Measurement(good if names.get(name) == "max" else 1 - good)
    return Evaluation(architecture=architecture, values=values)


def store_seconds(shop: Workshop, supernet: Supernet, architecture: Architecture) -> float:
    """Seconds to extract a network, to save it and to load it back."""
    begin = time.perf_counter()
    part = shop.plan.adapter
    network = Network(
        model=supernet.extract(architecture).cpu().eval(),
        architecture=architecture,
        adapter=shop.adapter,
        adapter_name=f"{part.name}@{part.distribution}",
        anatomy=supernet.anatomy,
        kept_units=supernet.space.kept_units(architecture),
        kept_layers=supernet.space.kept_layers(architecture),
        processor=shop.processor,
        labels=shop.splits.labels,
        facts={},
    )
    with tempfile.TemporaryDirectory(dir=shop.folder.path) as folder:
        subnet.save(network, Path(folder))
        subnet.load(Path(folder), shop.plugins)
    return time.perf_counter() - begin


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of a piece of work, and what it gives."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result

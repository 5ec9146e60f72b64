"""Do the parts fit together? Decided by the capability fields of their entries.

Only of dimensions the class is asked too, whose modules are light: whether the values are to be
found by importance depends on the settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from instatune.errors import Problem
from instatune.interfaces.dimension import Dimension
from instatune.plugin.entries import (
    Kind,
    OrderingEntry,
    PredictorEntry,
    SamplerEntry,
    ScheduleEntry,
    StrategyEntry,
    TaskEntry,
    noun,
)
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import load_target
from instatune.spec.document import Document, Path
from instatune.spec.plan import Part

Parts = Mapping[Path, Part]


def misfits(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Everything that is wrong between parts; a part that is missing is not judged.

    ``needs_teacher`` of a schedule has no check: the stage ``teach`` makes one in every run.
    """
    yield from _problems(parts, document, plugins)
    yield from _importance(parts, document, plugins)
    yield from _largest(parts, document, plugins)
    yield from _gradients(parts, document, plugins)
    yield from _predictor(parts, document, plugins)
    yield from _uncertainty(parts, document, plugins)
    yield from _objectives(parts, document)
    for section in ("space", "exporters", "reporters"):
        yield from _twice(parts, document, section)


def _problems(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """An adapter or an objective that names kinds of output takes no task of another kind."""
    task = parts.get(("task",))
    if task is None:
        return
    problem = cast("TaskEntry", task.entry).problem
    for path, part in parts.items():
        served = getattr(part.entry, "problems", ())
        if served and problem not in served:
            named = _either(_serving(plugins, part.kind, problem))
            other = f"use {named or 'another adapter'}"
            yield document.problem(
                path,
                f"{noun(part.kind)} {part.name!r} is for {', '.join(served)}, but task"
                f" {task.name!r} is of the kind {problem!r};"
                f" {other if named or part.kind == 'adapters' else 'leave it out'}",
            )


def _serving(plugins: Plugins, kind: Kind, problem: str) -> list[str]:
    """Components that name a kind of output; of adapters also those that take any."""
    named, open_ = [], []
    for offer in plugins[kind].offers():
        problems = getattr(offer.entry, "problems", ())
        if problem in problems:
            named.append(offer.entry.name)
        elif not problems:
            open_.append(offer.entry.name)
    return named + (open_ if kind == "adapters" else [])


def _importance(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    ordering = parts.get(("order", "by"))
    if ordering is None or cast("OrderingEntry", ordering.entry).gives_importance:
        return
    for path, part in parts.items():
        if part.kind == "dimensions" and load_target(part.entry, Dimension)(part.config).automatic:
            yield document.problem(
                path,
                f"the values of {part.name!r} are to be found by the importance of its units, but "
                f"ordering {ordering.name!r} gives none; order by {measuring(plugins)}",
            )


def measuring(plugins: Plugins) -> str:
    """Names of the orderings that give importance."""
    return _either(
        [
            offer.entry.name
            for offer in plugins["orderings"].offers()
            if cast("OrderingEntry", offer.entry).gives_importance
        ]
    )


def _largest(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    loss, sampler = parts.get(("tune", "loss")), parts.get(("tune", "sampler"))
    if loss is None or sampler is None:
        return
    draws = cast("SamplerEntry", sampler.entry).draws_largest
    if cast("ScheduleEntry", loss.entry).needs_largest and not draws:
        yield document.problem(
            ("tune", "loss"),
            f"{loss.name!r} needs the largest sub-network in each step, sampler {sampler.name!r} "
            f"does not draw it; use {_drawing(plugins) or 'another loss'}",
        )


def _gradients(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    tune, sampler = document.at(("tune",)), parts.get(("tune", "sampler"))
    if sampler is None or not isinstance(tune, dict) or tune.get("gradients") != "project_sub":
        return
    if not cast("SamplerEntry", sampler.entry).draws_largest:
        yield document.problem(
            ("tune", "gradients"),
            "'project_sub' needs the largest sub-network in each step, sampler "
            f"{sampler.name!r} does not draw it; use 'gradients: sum', or sampler "
            f"{_drawing(plugins) or 'of another kind'}",
        )


def _drawing(plugins: Plugins) -> str:
    """Samplers that train the largest network in each step."""
    return _either(
        [
            offer.entry.name
            for offer in plugins["samplers"].offers()
            if cast("SamplerEntry", offer.entry).draws_largest
        ]
    )


def _predictor(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    strategy = parts.get(("search", "strategy"))
    if strategy is None or not cast("StrategyEntry", strategy.entry).needs_predictor:
        return
    search = document.at(("search",))
    if isinstance(search, dict) and search.get("predictor", "the default") is None:
        names = plugins["predictors"].names()
        yield document.problem(
            ("search", "strategy"),
            f"{strategy.name!r} needs a predictor; set 'predictor: {names[0] if names else '...'}' "
            "beside it",
            (f"available: {', '.join(names) or 'none'}",),
        )


def _uncertainty(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    strategy, predictor = parts.get(("search", "strategy")), parts.get(("search", "predictor"))
    if strategy is None or predictor is None:
        return
    needed = cast("StrategyEntry", strategy.entry).needs_std
    if needed and not cast("PredictorEntry", predictor.entry).gives_std:
        sure = [
            offer.entry.name
            for offer in plugins["predictors"].offers()
            if cast("PredictorEntry", offer.entry).gives_std
        ]
        yield document.problem(
            ("search", "predictor"),
            f"strategy {strategy.name!r} needs a predictor that knows its uncertainty, "
            f"{predictor.name!r} does not; use {_either(sure) or 'another strategy'}",
        )


def _objectives(parts: Parts, document: Document) -> Iterator[Problem]:
    if document.data.get("objectives") == []:
        yield document.problem(("objectives",), "is empty; name at least one objective")
    yield from _twice(parts, document, "objectives", by_name=True)
    strategy = parts.get(("search", "strategy"))
    if strategy is None:
        return
    entry = cast("StrategyEntry", strategy.entry)
    count = len([path for path in parts if path[0] == "objectives"])
    counted = f"{count} objective{'' if count == 1 else 's'}, but strategy {strategy.name!r}"
    if entry.max_objectives is not None and count > entry.max_objectives:
        yield document.problem(
            ("objectives",),
            f"{counted} handles {entry.max_objectives} at most; leave some out or bound them under "
            "constraints",
        )
    if 0 < count < entry.min_objectives:
        yield document.problem(
            ("objectives",),
            f"{counted} needs {entry.min_objectives} at least; add another or use another strategy",
        )


def _twice(
    parts: Parts, document: Document, section: str, by_name: bool = False
) -> Iterator[Problem]:
    """The same component again: for objectives by name, since values are kept by it."""
    seen: Counter[str] = Counter()
    for path, part in parts.items():
        if path[0] != section:
            continue
        identity = part.name if by_name else repr((part.name, part.distribution, part.config))
        if section == "space":
            identity = repr((part.name, part.distribution))
        seen[identity] += 1
        if seen[identity] == 2:
            yield document.problem(path, f"{part.name!r} is given twice; remove one")


def _either(names: Sequence[str]) -> str:
    *others, last = ["", *map(repr, names)]
    return " or ".join(text for text in (", ".join(filter(None, others)), last) if text)

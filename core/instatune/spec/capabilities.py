"""Do the parts fit together? Decided by the capability fields of their entries alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from instatune.errors import Problem
from instatune.plugin.entries import SamplerEntry, ScheduleEntry, StrategyEntry
from instatune.plugin.manager import Plugins
from instatune.spec.document import Document, Path
from instatune.spec.plan import Part

Parts = Mapping[Path, Part]


def misfits(parts: Parts, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Everything that is wrong between parts; a part that is missing is not judged.

    ``needs_teacher`` of a schedule has no check: the stage ``teach`` makes one in every run.
    """
    yield from _largest(parts, document, plugins)
    yield from _gradients(parts, document, plugins)
    yield from _predictor(parts, document, plugins)
    yield from _objectives(parts, document)
    for section in ("space", "exporters", "reporters"):
        yield from _twice(parts, document, section)


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


def _objectives(parts: Parts, document: Document) -> Iterator[Problem]:
    if document.data.get("objectives") == []:
        yield document.problem(("objectives",), "is empty; name at least one objective")
    yield from _twice(parts, document, "objectives", by_name=True)
    strategy = parts.get(("search", "strategy"))
    most = cast("StrategyEntry", strategy.entry).max_objectives if strategy else None
    count = len([path for path in parts if path[0] == "objectives"])
    if strategy and most is not None and count > most:
        yield document.problem(
            ("objectives",),
            f"{count} objectives, but strategy {strategy.name!r} handles {most} at most; leave "
            "some out or bound them under constraints",
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

"""The last step of planning: nothing can be wrong any more, so put the plan together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path as File

import attrs

from instatune.space import SearchSpace
from instatune.spec.document import Path
from instatune.spec.model import Component, Spec
from instatune.spec.plan import Part, Plan
from instatune.spec.spelling import as_yaml, plain


def assemble(
    spec: Spec,
    parts: Mapping[Path, Part],
    limits: tuple[Part, ...],
    checkpoint: str,
    outline: SearchSpace | None,
) -> Plan:
    """Make a plan of a spec and its resolved parts.

    Args:
        spec: Structured, without mistakes.
        parts: By place.
        limits: Objectives that only constraints name.
        checkpoint: Located.
        outline: The search space, if known.
    """
    full = written_out(spec, parts)
    return Plan(
        spec=full,
        run_dir=File(os.path.abspath(File(full.run_dir or ".").expanduser())),
        checkpoint=checkpoint,
        adapter=parts["model", "adapter"],
        task=parts["task",],
        dimensions=_below("space", parts),
        ordering=parts["order", "by"],
        sampler=parts["tune", "sampler"],
        schedule=parts["tune", "loss"],
        quantizer=parts.get(("quantizer",)),
        strategy=parts["search", "strategy"],
        predictor=parts.get(("search", "predictor")),
        objectives=_below("objectives", parts),
        limits_only=limits,
        executor=parts["executor",],
        exporters=_below("exporters", parts),
        reporters=_below("reporters", parts),
        text=as_yaml(full),
        outline=outline,
    )


def written_out(spec: Spec, parts: Mapping[Path, Part]) -> Spec:
    """The same spec with all settings of all components and its run folder written out."""

    def full(path: Path, component: Component) -> Component:
        return Component(name=component.name, settings=plain(parts[path].config) or {})

    predictor, quantizer = spec.search.predictor, spec.quantizer
    return attrs.evolve(
        spec,
        run_dir=spec.run_dir or f"runs/{spec.name}",
        model=attrs.evolve(spec.model, adapter=full(("model", "adapter"), spec.model.adapter)),
        task=full(("task",), spec.task),
        space=tuple(full(("space", item.name), item) for item in spec.space),
        order=attrs.evolve(spec.order, by=full(("order", "by"), spec.order.by)),
        tune=attrs.evolve(
            spec.tune,
            sampler=full(("tune", "sampler"), spec.tune.sampler),
            loss=full(("tune", "loss"), spec.tune.loss),
        ),
        search=attrs.evolve(
            spec.search,
            strategy=full(("search", "strategy"), spec.search.strategy),
            predictor=full(("search", "predictor"), predictor) if predictor else None,
        ),
        quantizer=full(("quantizer",), quantizer) if quantizer else None,
        objectives=_each("objectives", spec.objectives, full),
        executor=full(("executor",), spec.executor),
        exporters=_each("exporters", spec.exporters, full),
        reporters=_each("reporters", spec.reporters, full),
    )


def _each(
    section: str,
    components: tuple[Component, ...],
    full: Callable[[Path, Component], Component],
) -> tuple[Component, ...]:
    return tuple(full((section, index), item) for index, item in enumerate(components))


def _below(section: str, parts: Mapping[Path, Part]) -> tuple[Part, ...]:
    return tuple(part for path, part in parts.items() if path[0] == section)

"""``instatune explain``: the resolved spec, and the distribution behind each name."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from instatune import __version__
from instatune.cli.arguments import add_spec, plan_from
from instatune.spec.plan import Part, Plan

NAME = "explain"
HELP = "print the resolved spec and who stands behind each name"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the spec, ``--set`` and ``--json``."""
    add_spec(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: Namespace) -> int:
    """Print YAML and a table as its comment, so that the output is a spec itself."""
    plan, _ = plan_from(args)
    if args.json:
        print(json.dumps(as_data(plan), indent=1, ensure_ascii=False))
        return 0
    print(plan.text)
    for line in table(plan):
        print(f"# {line}".rstrip())
    return 0


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    from instatune.spec.spelling import as_data as spec_data
    from instatune.spec.spelling import plain

    return {
        "instatune": __version__,
        "spec": spec_data(plan.spec),
        "run_dir": str(plan.run_dir),
        "checkpoint": plan.checkpoint,
        "architectures": None if plan.outline is None else plan.outline.size,
        "components": [
            {
                "kind": part.kind,
                "name": part.name,
                "distribution": part.distribution,
                "version": part.version,
                "target": part.entry.target,
                "stability": part.entry.stability,
                "settings": plain(part.config),
            }
            for part in parts(plan)
        ],
    }


def parts(plan: Plan) -> Iterator[Part]:
    """All components of a plan, in the order of the pipeline."""
    yield from (plan.adapter, plan.task, *plan.dimensions, plan.ordering)
    yield from (plan.sampler, plan.schedule)
    if plan.quantizer is not None:
        yield plan.quantizer
    yield plan.strategy
    if plan.predictor is not None:
        yield plan.predictor
    yield from (*plan.objectives, *plan.limits_only, plan.executor)
    yield from (*plan.exporters, *plan.reporters)


def table(plan: Plan) -> Iterator[str]:
    """Lines of a table: kind, name, distribution and version, then the places of the run."""
    rows = [("kind", "name", "from")]
    rows += [(part.kind, part.name, _origin(part)) for part in parts(plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    yield ""
    yield f"checkpoint: {plan.checkpoint}"
    yield f"run folder: {plan.run_dir}"
    if plan.outline is not None:
        yield f"architectures: {plan.outline.size:,}"


def _origin(part: Part) -> str:
    experimental = " (experimental)" if part.entry.stability == "experimental" else ""
    return f"{part.distribution} {part.version}".rstrip() + experimental

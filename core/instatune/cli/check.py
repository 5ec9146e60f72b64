"""``instatune check``: everything that can be wrong with a spec, without loading the model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from instatune.cli.arguments import STAGES, add_spec, comparison_from, plan_from
from instatune.plugin.entries import StrategyEntry
from instatune.spec.model import Constraint
from instatune.spec.plan import Part, Plan

if TYPE_CHECKING:
    from instatune.spec.comparison.plan import ComparisonPlan

NAME = "check"
HELP = "check a spec without loading the model, in less than a second"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the spec and ``--set``."""
    add_spec(parser)


def run(args: Namespace) -> int:
    """Print a resume, or fail with all problems."""
    from instatune.spec.document import is_comparison
    from instatune.spec.loader import open_source

    document = open_source(args.spec)
    read = Namespace(**{**vars(args), "spec": document})
    if is_comparison(document):
        lines = comparison_resume(comparison_from(read)[0])
    else:
        lines = resume(plan_from(read)[0])
    print(f"{args.spec}: OK")
    for label, text in lines:
        print(f"  {label:<10} {text}")
    return 0


def comparison_resume(plan: ComparisonPlan) -> Iterator[tuple[str, str]]:
    """The plan of a comparison in a few lines: label and text."""
    spec = plan.spec
    yield "benchmark", plan.benchmark.name
    for entrant in plan.entrants:
        predictor = f" with {entrant.predictor.name}" if entrant.predictor else ""
        named = "" if entrant.label == entrant.strategy.name else f", called {entrant.label}"
        base = " (baseline)" if entrant.label == plan.baseline else ""
        yield "strategy", f"{entrant.strategy.name}{predictor}{named}{base}"
    cells = len(plan.entrants) * len(plan.seeds)
    yield "searches", f"{cells}, {spec.evaluations:,} evaluations each, {spec.workers} at a time"
    if spec.constraints:
        yield "bounds", ", ".join(_bound(name, c) for name, c in spec.constraints.items())
    yield "run folder", str(plan.run_dir)


def resume(plan: Plan) -> Iterator[tuple[str, str]]:
    """The plan in a few lines: label and text."""
    spec = plan.spec
    yield "model", f"{plan.adapter.name}, {spec.model.checkpoint}"
    yield "task", plan.task.name
    yield "space", f"{_names(plan.dimensions)}: {_size(plan)}"
    if plan.quantizer is not None:
        yield "quantizer", plan.quantizer.name
    yield "tune", f"loss {plan.schedule.name}, sampler {plan.sampler.name}, {_length(plan)}"
    needed = cast("StrategyEntry", plan.strategy.entry).needs_predictor and plan.predictor
    predictor = f" with {needed.name}" if needed else ""
    yield (
        "search",
        f"{plan.strategy.name}{predictor}, {spec.search.evaluations} evaluations of "
        f"{_names(plan.objectives)}",
    )
    if spec.constraints:
        yield "bounds", ", ".join(_bound(name, c) for name, c in spec.constraints.items())
    yield "stages", " > ".join(STAGES)
    yield "run folder", str(plan.run_dir)


def _names(parts: tuple[Part, ...]) -> str:
    return ", ".join(part.name for part in parts)


def _size(plan: Plan) -> str:
    if plan.outline is None:
        return "number of architectures known once the model is loaded"
    count = plan.outline.size
    return f"{count:,} architectures" if count < 10**9 else f"{count:.1e} architectures"


def _bound(name: str, constraint: Constraint) -> str:
    low = "" if constraint.min is None else f"{constraint.min:g} <= "
    high = "" if constraint.max is None else f" <= {constraint.max:g}"
    return f"{low}{name}{high}" + (" of the full model's" if constraint.relative else "")


def _length(plan: Plan) -> str:
    tune = plan.spec.tune
    limit = f", {tune.max_steps} steps at most" if tune.max_steps else ""
    return f"{tune.epochs} epochs{limit}"

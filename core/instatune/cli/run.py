"""``instatune run``: run a spec, or continue where it stopped."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from instatune.cli.arguments import STAGES, add_spec, plan_from

NAME = "run"
HELP = "run a spec, or continue where it stopped"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the spec, ``--set`` and ``--stop-after``."""
    add_spec(parser)
    parser.add_argument(
        "--stop-after", metavar="STAGE", choices=STAGES, help=f"one of {', '.join(STAGES)}"
    )


def run(args: Namespace) -> int:
    """Check the spec, then run it; the same command continues an interrupted run."""
    plan, plugins = plan_from(args)
    from instatune.engine.run import run_plan  # imports torch, so only once the spec is right

    run_plan(plan, plugins, stop_after=args.stop_after)
    print(f"run folder: {plan.run_dir}")
    return 0

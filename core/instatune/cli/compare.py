"""``instatune compare``: strategies times seeds on one benchmark."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from instatune.cli.arguments import add_spec, comparison_from
from instatune.errors import PluginError

NAME = "compare"
HELP = "compare search strategies on a benchmark, or continue where it stopped"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the comparison and ``--set``."""
    add_spec(parser)


def run(args: Namespace) -> int:
    """Check the comparison, then run it; the same command continues an interrupted one.

    Returns:
        0, or the exit code of a plugin's fault if any search failed: the others are reported.
    """
    from instatune.cli.discovery import only, strict

    plan, _ = comparison_from(args)
    from instatune.engine.compare.pool import Setup
    from instatune.engine.compare.run import compare_plan

    setup = Setup(text=plan.text, only=only(args), strict=strict())
    found = compare_plan(plan, setup)
    print(f"run folder: {plan.run_dir}")
    for trial in found.failures:
        print(f"{trial.label}, seed {trial.seed} failed: {trial.error}", file=sys.stderr)
    return PluginError.exit_code if found.failures else 0

"""Arguments that several commands share, and what becomes of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from instatune.plugin.manager import Plugins
from instatune.spec.plan import Plan

if TYPE_CHECKING:
    from instatune.spec.comparison.plan import ComparisonPlan

STAGES = (
    "load",
    "teach",
    "elastic",
    "order",
    "tune",
    "search",
    "verify",
    "export",
    "measure",
    "report",
)
"""Stages of a run. Repeated here because their own room imports torch; a test compares."""


def add_spec(parser: ArgumentParser) -> None:
    """Add the spec and ``--set``."""
    parser.add_argument("spec", metavar="SPEC", help="YAML file")
    parser.add_argument(
        "--set",
        metavar="a.b=c",
        dest="overrides",
        action="append",
        default=[],
        help="change a value of the spec, e.g. --set tune.lr=3e-4; may be repeated",
    )


def plan_from(args: Namespace) -> tuple[Plan, Plugins]:
    """Make the plan that the arguments ask for.

    Raises:
        SpecError: With all problems of the spec.
        PluginError: A plugin is missing or broken.
    """
    from instatune.cli.discovery import plugins_from
    from instatune.spec.resolve import prepare

    return prepare(args.spec, args.overrides, find=partial(plugins_from, args))


def comparison_from(args: Namespace) -> tuple[ComparisonPlan, Plugins]:
    """Make the plan of the comparison that the arguments ask for; raises as :func:`plan_from`."""
    from instatune.cli.discovery import plugins_from
    from instatune.spec.comparison.resolve import prepare

    return prepare(args.spec, args.overrides, find=partial(plugins_from, args))

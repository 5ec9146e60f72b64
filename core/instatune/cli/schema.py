"""``instatune schema``: JSON Schema of specs with everything that is installed."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

NAME = "schema"
HELP = "print the JSON Schema of specs, for editors"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the kind of document, and the file to write."""
    parser.add_argument("--compare", action="store_true", help="of comparisons rather than of runs")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write to a file instead")


def run(args: Namespace) -> int:
    """Print or write the schema."""
    from instatune.cli.discovery import plugins_from
    from instatune.files import write_json
    from instatune.spec.comparison import schema as comparison
    from instatune.spec.schema import schema

    plugins = plugins_from(args)
    made = comparison.schema(plugins) if args.compare else schema(plugins)
    if args.output is None:
        print(json.dumps(made, indent=1, ensure_ascii=False))
        return 0
    write_json(args.output, made)
    print(f"{args.output}: written; point your editor at it, e.g. with a first line such as")
    print(f"# yaml-language-server: $schema={args.output}")
    return 0

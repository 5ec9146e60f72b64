"""``instatune import``: results of another tool become a table to compare strategies on."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from instatune.errors import DataError

if TYPE_CHECKING:
    from instatune.engine.importing.dynast import Results
    from instatune.engine.importing.measure import Goal

NAME = "import"
HELP = "turn results of another tool into a table to compare strategies on"
FORMATS = ("dynast",)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the format, the files and where the table goes."""
    parser.add_argument(
        "format", metavar="FORMAT", choices=FORMATS, help="who wrote the results: dynast (DyNAS-T)"
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="result files of one super-network"
    )
    parser.add_argument(
        "--into",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="gets table.csv, and compare.yaml for `instatune compare`",
    )
    parser.add_argument(
        "--goal",
        metavar="COLUMN=max",
        type=goal,
        action="append",
        default=[],
        help="say that more (max) or less (min) of a column is better; may be repeated",
    )
    parser.add_argument(
        "--objective",
        metavar="NAME",
        action="append",
        default=[],
        help="write only this objective into compare.yaml, e.g. accuracy; may be repeated",
    )
    parser.add_argument(
        "--no-depth",
        action="store_true",
        help="take all numbers of a network as independent, whatever their names say",
    )


def goal(text: str) -> tuple[str, Goal]:
    """Read ``COLUMN=max`` or ``COLUMN=min``.

    Raises:
        ArgumentTypeError: It is neither.
    """
    head, equals, word = text.rpartition("=")
    if not equals or not head.strip() or word.strip() not in ("min", "max"):
        raise ArgumentTypeError(f"{text!r} is not of the form COLUMN=max or COLUMN=min")
    return head.strip(), "max" if word.strip() == "max" else "min"


def run(args: Namespace) -> int:
    """Read all files, write the table, say what was found."""
    from instatune.engine.importing.dynast import read_results
    from instatune.engine.importing.write import write_results

    found = read_results(args.files, dict(args.goal), layered=not args.no_depth)
    results = choose(found, args.objective)
    table, comparison = write_results(results, args.into)
    for line in lines_of(results):
        print(line)
    print(f"written: {table}, {comparison}")
    print(f"next: instatune compare {comparison}")
    return 0


def choose(results: Results, names: Sequence[str]) -> Results:
    """Keep some objectives; all if none is named.

    Raises:
        DataError: There is no objective of that name.
    """
    known = [measure.name for measure in results.measures]
    for name in names:
        if name not in known:
            raise DataError(f"--objective {name}: there is none; there are {', '.join(known)}")
    kept = tuple(m for m in results.measures if not names or m.name in names)
    return attrs.evolve(results, measures=kept)


def lines_of(results: Results) -> Iterator[str]:
    """Say what was read."""
    for file, rows in results.files.items():
        yield f"{file}: {rows:,} rows"
    size, networks = results.space.size, len(results.genotypes)
    of = f"{size:,}" if size < 10**9 else f"{size:.2g}"
    yield f"networks: {networks:,} distinct ones, of {of} in {len(results.space.genes)} genes"
    for counter, layers in results.depth.items():
        yield f"layers: {counter} counts {len(layers)} ({' | '.join(map(' '.join, layers))})"
    for measure in results.measures:
        values = results.values[measure.head]
        exact = ", an exact sum over layers" if measure.head in results.exact else ""
        yield (
            f"objective: {measure.name} ({measure.goal}), column {measure.head!r},"
            f" {values.min():g} to {values.max():g}{exact}"
        )
    for head, value in results.constant.items():
        yield f"left out: column {head!r} is {value:g} in all rows"
    yield f"front: {int(results.front.sum()):,} of these networks are beaten by none"

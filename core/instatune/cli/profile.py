"""``instatune profile``: sizes, constraints and times of a spec, before anything is trained."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from instatune.cli.arguments import add_spec, plan_from

if TYPE_CHECKING:
    from instatune.engine.census import Count
    from instatune.engine.profile import Bound, Choices, Profile

NAME = "profile"
HELP = "tell the sizes of the networks and the time of each stage, before any training"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the spec, ``--set``, ``--seconds`` and ``--json``."""
    add_spec(parser)
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=20.0,
        metavar="N",
        help="about how long to measure, 20 unless given; 0 leaves the times out",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: Namespace) -> int:
    """Print tables, or JSON."""
    plan, plugins = plan_from(args)
    from instatune.engine.profile import profile  # imports torch, so only once the spec is right

    found = profile(plan, plugins, seconds=args.seconds)
    if args.json:
        print(json.dumps(found.as_dict(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(args.spec, found)))
    return 0


def lines(title: str, found: Profile) -> Iterator[str]:
    """All tables, line by line."""
    yield f"{title}: {_number(found.size)} networks"
    yield ""
    yield from _table([("gene", "choices"), *(_genes(choices) for choices in found.choices)])
    yield ""
    work = "MACs" if found.tokens == 1 else f"MACs at {found.tokens} tokens"
    head = ("network", work, "parameters", "float32")
    sizes = [
        (n.name, _scaled(n.macs), _scaled(n.parameters), f"{n.size_bytes / 2**20:,.1f} MiB")
        for n in found.networks
    ]
    yield from _table([head, *sizes])
    if found.bounds:
        yield ""
        yield from _table([("constraint", "in this space", "met by"), *map(_bound, found.bounds)])
    if found.stages:
        yield ""
        yield from _times(found)


def _times(found: Profile) -> Iterator[str]:
    from instatune.report.numbers import duration

    rows = [
        (stage.name, duration(stage.seconds), _parts(stage.parts, stage.seconds))
        for stage in found.stages
    ]
    yield from _table([("stage", "about", "of which"), *rows, ("all", duration(found.seconds), "")])


def _parts(parts: dict[str, float], whole: float) -> str:
    """The parts that matter, e.g. ``train 90 %, curve 8 %``."""
    shares = [(name, seconds / whole) for name, seconds in parts.items() if whole > 0]
    return ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.05)


def _genes(choices: Choices) -> tuple[str, str]:
    first, last, count = choices.genes[0], choices.genes[-1], len(choices.genes)
    name = first if count == 1 else f"{first} ... {last} ({count})"
    return name, " ".join(map(str, choices.choices))


def _bound(bound: Bound) -> tuple[str, str, str]:
    low = "" if bound.low is None else f"{_scaled(bound.low)} <= "
    high = "" if bound.high is None else f" <= {_scaled(bound.high)}"
    unit = f" {bound.unit}" if bound.unit and (low or high) else ""
    ends = " to ".join(map(_scaled, bound.range)) if bound.range else ""
    if bound.met_by is None:
        return f"{low}{bound.name}{high}{unit}", ends, "has to be measured: known after the search"
    return f"{low}{bound.name}{high}{unit}", ends, _count(bound.met_by)


def _count(count: Count) -> str:
    if count.exact:
        return f"{_number(count.count)} networks ({_share(count.share)})" if count.count else "none"
    if not count.count:
        return f"none that was drawn, {_about(count.high)} at most"
    between = f"{_about(count.low)} to {_about(count.high)}"
    return f"about {_about(count.count)} networks ({_share(count.share)}; {between})"


def _share(share: float) -> str:
    return "less than 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def _number(count: int) -> str:
    return f"{count:,}" if count < 10**9 else f"{float(count):.2e}"


def _about(count: int) -> str:
    """Three digits: an estimate knows no more."""
    return _number(int(float(f"{count:.3g}")) if count < 10**9 else count)


def _scaled(value: float) -> str:
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no time in seconds; give 0 or more")
    return value

"""``instatune plugins``: what is installed, where it comes from, and what could not be loaded."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from textwrap import indent

import attrs

from instatune import __version__
from instatune.cli.discovery import plugins_from
from instatune.plugin.broken import BrokenPlugin
from instatune.plugin.entries import KINDS, noun
from instatune.plugin.manager import Plugins
from instatune.plugin.requirements import install_command, missing_requirements

NAME = "plugins"
HELP = "list components, their distributions, and plugins that could not be loaded"
_HEADS = ("kind", "name", "from", "stability", "summary", "missing")


@attrs.frozen(kw_only=True)
class Line:
    """One component, as text.

    Attributes:
        kind: Its kind.
        name: What a spec has to write: ``name@distribution`` if the bare name is not enough.
        distribution: Where it comes from.
        version: Version of the distribution.
        module: Module with the hook.
        target: The class.
        stability: ``stable`` or ``experimental``.
        summary: One line about it.
        missing: Requirements that are not installed.
    """

    kind: str
    name: str
    distribution: str
    version: str
    module: str
    target: str
    stability: str
    summary: str
    missing: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        origin = f"{self.distribution} {self.version}".rstrip()
        missing = install_command(self.missing) if self.missing else ""
        return self.kind, self.name, origin, self.stability, self.summary, missing


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this command."""
    kinds = ", ".join(KINDS)
    parser.add_argument("--kind", metavar="KIND", type=kind, help=f"only this kind: {kinds}")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def kind(text: str) -> str:
    """Read a kind, in singular or plural.

    Raises:
        ValueError: It is none; argparse turns this into its own message.
    """
    for known in KINDS:
        if text in (known, noun(known)):
            return known
    raise ValueError(text)


def run(args: Namespace) -> int:
    """Print the list; 0 even if some plugins are broken, since telling so is what it is for."""
    plugins = plugins_from(args)
    lines = [line for line in lines_of(plugins) if args.kind in (None, line.kind)]
    broken = [b for b in plugins.broken if args.kind is None or b.kind in (None, args.kind)]
    if args.json:
        print(_as_json(lines, broken, plugins.left_out))
        return 0
    _print_table(lines)
    for text in _remarks(broken, plugins.left_out, verbose=args.verbose):
        print(text)
    return 0


def lines_of(plugins: Plugins) -> Iterator[Line]:
    """All components, by kind and name."""
    for registry in plugins:
        for offer in registry.offers():
            yield Line(
                kind=registry.kind,
                name=registry.spelling(offer),
                distribution=offer.distribution,
                version=offer.version,
                module=offer.module,
                target=offer.entry.target,
                stability=offer.entry.stability,
                summary=offer.entry.summary,
                missing=missing_requirements(offer.entry),
            )


def _as_json(lines: Sequence[Line], broken: Sequence[BrokenPlugin], left_out: Sequence[str]) -> str:
    data = {
        "instatune": __version__,
        "components": [attrs.asdict(line) for line in lines],
        "broken": [attrs.asdict(item) for item in broken],
        "left_out": list(left_out),
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def _remarks(
    broken: Sequence[BrokenPlugin], left_out: Sequence[str], *, verbose: bool
) -> Iterator[str]:
    if left_out:
        yield f"\nLeft out on request: {', '.join(left_out)}"
    if broken:
        yield f"\nNot loaded ({len(broken)}):"
    for item in broken:
        yield f"  {item.origin}, entry point {item.entry_point}: {item.reason}"
        if verbose and item.traceback:
            yield indent(item.traceback.rstrip(), "    ")
    if any(item.traceback for item in broken) and not verbose:
        yield "  (-v shows where Python failed)"


def _print_table(lines: Sequence[Line]) -> None:
    if not lines:
        print("no component of this kind is on offer")
    elif sys.stdout.isatty():
        _print_rich(lines)
    else:
        _print_plain([line.cells() for line in lines])


def _print_plain(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    for row in (_HEADS, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _print_rich(lines: Sequence[Line]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("kind", "name", "from"):
        table.add_column(head, no_wrap=True, overflow="fold")
    table.add_column("summary", overflow="fold")
    before = ""
    for line in lines:
        if before not in ("", line.kind):
            table.add_section()
        kind, name, origin, stability, summary, missing = line.cells()
        # Text, not markup: a summary may contain square brackets.
        about = Text(summary)
        if stability != "stable":
            about.append(f" ({stability})", style="yellow")
        if missing:
            about.append(f"\nmissing: {missing}", style="red")
        table.add_row(
            kind if kind != before else "", Text(name, "bold"), Text(origin, "dim"), about
        )
        before = kind
    Console().print(table)

"""The standings of a comparison as text, at most 100 columns wide."""

from __future__ import annotations

import textwrap

from rich.cells import cell_len, set_cell_size

from instatune.report.comparison import Contest
from instatune.report.comparison.table import Table, table
from instatune.report.comparison.words import (
    by_how_much,
    headline,
    how_sure,
    warnings,
    weaknesses,
)
from instatune_plugins.reporters.results import GAP, WIDTH, clean, fit, style

_GROUP = 14  # most that the name of a group may ask for

NAME = 16
"""Least width of the names."""


def standings(
    contest: Contest, *, width: int = WIDTH, colour: bool = False, utf8: bool = True
) -> str:
    """Write headline, table, and where the winner is weak.

    Args:
        contest: What to show.
        width: Columns to fit into. What does not fit is left out, the least important first.
        colour: Use escape sequences for bold and dim.
        utf8: Use characters beyond ASCII.
    """
    head = _wrapped(headline(contest), width)
    lines = ["", *(style(line, "1", colour) for line in head), ""]
    view = table(contest)
    if view.rows:
        remark = (
            "median and quartiles over the seeds; (3/10): seeds that got there; ≈ may be chance"
        )
        dim = [style(line, "2", colour) for line in _wrapped(remark, width)]
        lines += [*_table(view, width), "", *dim, ""]
    for text in (by_how_much(contest), how_sure(contest)):
        lines += _wrapped(text, width)
    for text in weaknesses(contest):
        lines += _wrapped(text, width, "- ")
    for text in warnings(contest):
        lines += _wrapped(text, width, "! ")
    return fit("\n".join(lines) + "\n", utf8)


def _table(view: Table, width: int) -> list[str]:
    names = [clean(standing.label) for standing, _ in view.rows]
    texts = [[_text(cell.text, cell.brief) for cell in cells] for _, cells in view.rows]
    heads = [(clean(column.brief), clean(column.head)) for column in view.columns]
    widths = [
        max(cell_len(text) for text in (column[1], *(row[i] for row in texts)))
        for i, column in enumerate(heads)
    ]
    for i, (group, _) in enumerate(heads):  # a group of one column gives it room for its name
        if [name for name, _ in heads].count(group) == 1 or group.startswith("vs "):
            widths[i] = max(widths[i], min(cell_len(group), _GROUP))
    shown = _chosen([column.rank for column in view.columns], widths, width)
    room = width - sum(widths[i] + len(GAP) for i in shown)
    wide = max(min(room, max(cell_len(name) for name in (*names, "strategy"))), NAME)
    groups = _groups([heads[i][0] for i in shown], [widths[i] for i in shown])
    lines = [
        set_cell_size("", wide) + GAP + groups,
        _join("strategy", [heads[i][1] for i in shown], [widths[i] for i in shown], wide),
    ]
    rule = "─" * min(width, cell_len(lines[1]))
    body = [
        _join(name, [row[i] for i in shown], [widths[i] for i in shown], wide)
        for name, row in zip(names, texts, strict=True)
    ]
    return [line.rstrip() for line in (lines[0], lines[1], rule, *body)]


def _groups(names: list[str], widths: list[int]) -> str:
    """The line of group names, each above its first column, cut to the room of its columns."""
    parts, start = [], 0
    while start < len(names):
        end = start
        while end < len(names) and names[end] == names[start]:
            end += 1
        room = sum(widths[start:end]) + len(GAP) * (end - start - 1)
        text = clean(names[start])
        parts.append(
            set_cell_size(text if cell_len(text) <= room else text[: room - 1] + "…", room)
        )
        start = end
    return GAP.join(parts)


def _chosen(ranks: list[int], widths: list[int], width: int) -> list[int]:
    """Columns that fit, the last one of the highest rank left out first."""
    shown = list(range(len(ranks)))
    while NAME + sum(widths[i] + len(GAP) for i in shown) > width:
        worst = max(shown, key=lambda i: (ranks[i], i), default=None)
        if worst is None or ranks[worst] == 0:
            break
        shown.remove(worst)
    return shown


def _text(text: str, brief: str) -> str:
    if len(brief) == 1:  # a sign
        return clean(f"{text} {brief}")
    return clean(f"{text} ({brief})" if brief else text)


def _join(name: str, texts: list[str], widths: list[int], wide: int) -> str:
    if cell_len(name) > wide:
        name = set_cell_size(name, wide - 1) + "…"
    cells = [" " * (room - cell_len(text)) + text for text, room in zip(texts, widths, strict=True)]
    return GAP.join([set_cell_size(name, wide), *cells])


def _wrapped(text: str, width: int, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        clean(text), width, initial_indent=bullet, subsequent_indent=" " * len(bullet)
    )

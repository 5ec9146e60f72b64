"""The table of results as text, in the form of the paper's Table 1, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from pathlib import PurePosixPath

import attrs
from rich.cells import cell_len, set_cell_size

from instatune.interfaces import Summary
from instatune.report import findings, headline, table
from instatune.report.table import Cell, Line, Table

WIDTH = 100
NAME = 20
"""Least width of the names."""

GAP = "  "
_ASCII = {"−": "-", "±": "+-", "δ": "d", "≈": "~", "–": "-", "\u00a0": " ", "─": "-", "×": "x"}


@attrs.frozen(kw_only=True)
class Strip:
    """One column as text.

    Attributes:
        head: Two lines.
        cells: One for each network.
        rank: Columns of a high rank are left out first; 0 stays in any case.
        left: Set flush left.
    """

    head: tuple[str, str]
    cells: tuple[str, ...]
    rank: int
    left: bool = False

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return max(cell_len(text) for text in (*self.head, *self.cells))


def results(
    summary: Summary, *, width: int = WIDTH, colour: bool = False, utf8: bool = True
) -> str:
    """Write headline and table.

    Args:
        summary: What to show.
        width: Columns to fit into. What does not fit is left out, the least important first.
        colour: Use escape sequences for bold and dim.
        utf8: Use characters beyond ASCII.
    """
    found = findings(summary)
    view = table(summary, found)
    head = textwrap.wrap(clean(headline(summary, found)), width)
    lines = ["", *(style(line, "1", colour) for line in head), ""]
    if view.front or view.baselines:
        lines += _lines(view, width, colour)
        base = clean(found.reference.name) if found.reference else "nothing"
        remark = f"± half of the 95 % interval, δ against {base}, ≈ inside the noise"
        lines.append(style(remark, "2", colour))
    return fit("\n".join(lines) + "\n", utf8)


def _lines(view: Table, width: int, colour: bool) -> list[str]:
    strips = _chosen(_strips(view), width)
    room = width - sum(strip.width + len(GAP) for strip in strips)
    names = [clean(line.row.name) for line in (*view.front, *view.baselines)]
    wide = max(min(room, max(map(cell_len, [*names, "network"]))), NAME)
    heads = [_join(("", "network")[i], [s.head[i] for s in strips], strips, wide) for i in (0, 1)]
    body = [
        _join(name, [strip.cells[index] for strip in strips], strips, wide)
        for index, name in enumerate(names)
    ]
    rule = "─" * min(width, max(cell_len(line) for line in (*heads, *body)))
    count = len(view.front)
    dim = [style(line, "2", colour) for line in body[count:]]
    return [*heads, rule, *body[:count], *([rule] if body[:count] and dim else []), *dim, ""]


def _strips(view: Table) -> list[Strip]:
    lines = (*view.front, *view.baselines)
    searched = {column.group for column in view.columns if column.kind == "delta"}
    strips, group = [], ""
    for index, column in enumerate(view.columns):
        first, group = column.group != group, column.group
        rank = 0 if first else 2 if column.kind == "score" else 1
        strips.append(
            Strip(
                head=(column.group if first else "", column.head),
                cells=tuple(_number(line.cells[index], first) for line in lines),
                rank=rank if column.group in searched else 4,
            )
        )
    folder = _folders(lines)
    return strips if folder is None else [*strips, folder]


def _folders(lines: tuple[Line, ...]) -> Strip | None:
    folders = [line.row.folder for line in lines]
    if not any(folders):
        return None
    parents = {str(PurePosixPath(folder).parent) + "/" for folder in folders if folder}
    parent = parents.pop() if len(parents) == 1 else ""
    cells = tuple(folder.removeprefix(parent) for folder in folders)
    return Strip(head=("exported to", parent), cells=tuple(map(clean, cells)), rank=3, left=True)


def _chosen(strips: list[Strip], width: int) -> list[Strip]:
    """Leave out what does not fit, the last one of the highest rank first."""
    while NAME + sum(strip.width + len(GAP) for strip in strips) > width:
        worst = max(strips, key=lambda strip: (strip.rank, strips.index(strip)), default=None)
        if worst is None or worst.rank == 0:
            break
        strips = [strip for strip in strips if strip is not worst]
    return strips


def _number(cell: Cell, margin: bool) -> str:
    half = f" ±{cell.margin}" if margin and cell.margin else ""
    noise = "" if cell.noisy is None else " ≈" if cell.noisy else GAP
    return cell.text + half + noise


def _join(name: str, texts: list[str], strips: list[Strip], wide: int) -> str:
    if cell_len(name) > wide:
        name = set_cell_size(name, wide - 1) + "…"
    parts = [set_cell_size(name, wide)]
    for text, strip in zip(texts, strips, strict=True):
        space = " " * (strip.width - cell_len(text))
        parts.append(text + space if strip.left else space + text)
    return GAP.join(parts).rstrip()


def style(text: str, code: str, colour: bool) -> str:
    """Set text in bold, dim, ... by the code of an escape sequence."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def clean(text: str) -> str:
    """Leave out what could move the cursor."""
    return "".join(char for char in text if char.isprintable() or char == "\u00a0")


def fit(text: str, utf8: bool) -> str:
    """Write text with ASCII alone where the terminal knows no more."""
    if utf8:
        return text
    for sign, plain in _ASCII.items():
        text = text.replace(sign, plain)
    return text.replace("…", ".").encode("ascii", "replace").decode("ascii")

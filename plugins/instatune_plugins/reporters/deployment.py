"""The networks as they were run, as text: of each one the format that is fastest."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from instatune.interfaces import Summary
from instatune.report.deployed import deployed, quickest
from instatune_plugins.reporters.results import GAP, clean, fit, style

_NUMBERS_FROM = 2  # columns from here on are set flush right
_ON_THE_PAGE = {"agrees"}  # alone: what disagrees was withdrawn


def deployment(summary: Summary, *, width: int, colour: bool = False, utf8: bool = True) -> str:
    """Write the table; empty where nothing was run. Arguments as :func:`results`.

    Columns that do not fit are left out from the right.
    """
    table = deployed(summary)
    if table is None:
        return ""
    shown = [i for i, (name, _) in enumerate(table.heads) if name not in _ON_THE_PAGE]
    head = ["as deployed", "format", *(table.heads[i][0] for i in shown)]
    rows = [
        [clean(line.row.name), line.artefact.format, *(line.figures[i].text for i in shown)]
        for line in quickest(table)
    ]
    columns = list(zip(head, *rows, strict=True))
    kept = _fitting([max(map(cell_len, column)) for column in columns], width)
    lines = [_line(row, kept) for row in (head, *rows)]
    rule = style("─" * cell_len(lines[0]), "2", colour)
    return fit("\n".join(["", lines[0], rule, *lines[1:]]) + "\n", utf8)


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Widths of the columns that stay."""
    kept: list[int] = []
    for width in widths:
        if sum(kept) + len(kept) * len(GAP) + width > room:
            break
        kept.append(width)
    return kept


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    placed = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        padding = " " * (width - cell_len(cell))
        right = index >= _NUMBERS_FROM
        placed.append(padding + cell if right else set_cell_size(cell, width))
    return GAP.join(placed).rstrip()

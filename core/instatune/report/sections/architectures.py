"""Architecture strips: what each network keeps of each layer."""

from __future__ import annotations

import re

from instatune.interfaces import Row, Summary
from instatune.report.findings import all_rows
from instatune.report.markup import Markup, element
from instatune.report.sections.common import note, scrolling, section

_LAYERED = re.compile(r"(.+)\.(\d+)")


def architectures(summary: Summary) -> Markup | None:
    """Draw a strip for each network that has an architecture."""
    rows = [row for row in all_rows(summary) if row.architecture]
    kinds = _kinds(summary)
    if not rows or not summary.layers or not kinds:
        return None
    columns = [element("th", str(layer + 1), scope="col") for layer in range(summary.layers)]
    head = element("tr", element("th", "layer", scope="col"), columns)
    body = [_strip(summary, row, kinds) for row in rows]
    table = element("table", element("thead", head), element("tbody", body), class_="strips")
    return section(
        "architectures",
        "The architectures",
        _key(kinds, summary),
        scrolling(table, "Architectures"),
    )


def _kinds(summary: Summary) -> tuple[str, ...]:
    found = (_LAYERED.fullmatch(name) for name in summary.widths)
    return tuple(dict.fromkeys(match[1] for match in found if match))


def _key(kinds: tuple[str, ...], summary: Summary) -> Markup:
    parts = []
    for index, kind in enumerate(kinds):
        full = max(v for name, v in summary.widths.items() if name.rpartition(".")[0] == kind)
        swatch = element("i", class_=f"bar k{index % 4}")
        parts.append(element("span", swatch, f" {kind}, at most {full:,}"))
    hollow = element("span", element("i", class_="bar hollow"), " layer left out")
    return note(element("span", parts, hollow, class_="legend"))


def _strip(summary: Summary, row: Row, kinds: tuple[str, ...]) -> Markup:
    kept = set(summary.kept.get(row.key, range(summary.layers)))
    cells = [
        _layer(summary, row, kinds, layer) if layer in kept else _dropped(row, layer)
        for layer in range(summary.layers)
    ]
    return element("tr", element("th", row.name, scope="row"), cells, data_net=row.name)


def _dropped(row: Row, layer: int) -> Markup:
    text = element("span", "left out", class_="unseen")
    return element("td", text, class_="dropped", title=f"{row.name}: layer {layer + 1} left out")


def _left_out(summary: Summary, row: Row, gene: str) -> bool:
    """Whether a network lacks a gene that others have: its layer is left out of one of stacks."""
    elastic = any(gene in other.architecture for other in all_rows(summary))
    return elastic and gene not in row.architecture


def _layer(summary: Summary, row: Row, kinds: tuple[str, ...], layer: int) -> Markup:
    bars, words = [], []
    for index, kind in enumerate(kinds):
        full = summary.widths.get(f"{kind}.{layer}")
        if full is None or _left_out(summary, row, f"{kind}.{layer}"):
            continue
        units = row.architecture.get(f"{kind}.{layer}", row.architecture.get(kind, full))
        share = 100 * min(1.0, max(0.0, units / full)) if full else 0.0
        bars.append(
            element("span", f"{units:,}", class_=f"bar k{index % 4}", style=f"--share:{share:.1f}%")
        )
        words.append(f"{units:,} of {full:,} {kind}")
    title = f"{row.name}, layer {layer + 1}: {', '.join(words)}"
    return element("td", bars, title=title)

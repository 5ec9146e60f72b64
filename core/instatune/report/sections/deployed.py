"""The networks as they were exported and run: size, score, speed."""

from __future__ import annotations

from itertools import groupby

from instatune.interfaces import Summary
from instatune.report.deployed import Deployed, Figure, bits_in_words, deployed
from instatune.report.markup import Markup, element
from instatune.report.sections.common import note, scrolling, section


def artefacts(summary: Summary) -> Markup | None:
    """Write the table; None where nothing was run."""
    found = deployed(summary)
    if found is None:
        return None
    searched = any(line.row.bits for line in found.lines)
    heads = [
        element("th", head, scope="col", title=about, class_="number", data_sort=True)
        for head, about in found.heads
    ]
    first = [element("th", name, scope="col") for name in ("network", "format")]
    bits = element("th", "bits", scope="col") if searched else None
    body = [
        element("tbody", [_line(line, summary, searched) for line in lines])
        for _, lines in groupby(found.lines, key=lambda line: line.row.role)
    ]
    table = element("table", element("thead", element("tr", first, bits, heads)), body)
    return section(
        "deployed",
        "As deployed",
        note(
            "Each network was exported, loaded as its user will load it, scored on the whole test "
            "split and timed, all in turn. Speed is compared within one runtime, size with the "
            "largest network in full precision."
        ),
        scrolling(table, "As deployed"),
        *_refused(found.lines),
    )


def _line(line: Deployed, summary: Summary, searched: bool) -> Markup:
    words = bits_in_words(line.row.bits, summary.tables) if searched else ""
    return element(
        "tr",
        element("th", line.row.name, scope="row"),
        element("td", element("code", line.artefact.format)),
        element("td", words) if searched else None,
        [_cell(figure) for figure in line.figures],
        data_net=line.row.name,
    )


def _cell(figure: Figure) -> Markup:
    value = None if figure.value is None else repr(float(figure.value))
    return element("td", figure.text, class_="number", data_value=value)


def _refused(lines: tuple[Deployed, ...]) -> list[Markup]:
    return [
        note(
            element("span", "✗ not handed over", class_="bad"),
            f" {line.row.name} as {line.artefact.format}: {line.artefact.problem}",
        )
        for line in lines
        if line.artefact.problem
    ]

"""The page: one self-contained HTML file that needs no network and works without scripts."""

from __future__ import annotations

from importlib.resources import files

from instatune.interfaces import Summary
from instatune.report.findings import findings
from instatune.report.markup import Markup, Node, element, join
from instatune.report.sections.architectures import architectures
from instatune.report.sections.cost import cost
from instatune.report.sections.deployed import artefacts
from instatune.report.sections.details import details
from instatune.report.sections.exactness import exactness
from instatune.report.sections.front import front
from instatune.report.sections.lines import curves, hypervolume
from instatune.report.sections.loading import loading
from instatune.report.sections.opening import opening
from instatune.report.sections.reading import reading
from instatune.report.sections.results import results

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Even if something hostile slipped through, the browser would fetch nothing for it."""

CITATION = (
    "Method: InstaTune: Instantaneous Neural Architecture Search During Fine-Tuning, "
    "arXiv 2308.15609."
)


def page(summary: Summary) -> str:
    """Write the report of a run as a complete HTML document."""
    found = findings(summary)
    main = element(
        "main",
        front(summary, found),
        results(summary, found),
        artefacts(summary),
        reading(summary, found),
        element("div", hypervolume(summary), curves(summary, found), class_="pair"),
        architectures(summary),
        exactness(summary),
        cost(summary),
        loading(summary, found),
        details(summary),
    )
    return document(summary.title, opening(summary, found), main)


def document(title: str, *content: Node, styles: tuple[str, ...] = ()) -> str:
    """Write a complete HTML document in the style of instatune.

    Args:
        title: Of the window.
        content: Header and main part.
        styles: Further style sheets, names of files among the assets.
    """
    body = element("body", content, _footer(), element("script", _asset("page.js")))
    return "<!DOCTYPE html>\n" + element("html", _head(title, styles), body, lang="en") + "\n"


def _head(title: str, styles: tuple[str, ...]) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · instatune"),
        element("style", [_asset(name) for name in ("page.css", *styles)]),
    )


def _footer() -> Markup:
    return element("footer", element("p", join("Made by instatune. ", CITATION)))


def _asset(name: str) -> Markup:
    text = (files("instatune.report") / "assets" / name).read_text(encoding="utf-8")
    return Markup(text)

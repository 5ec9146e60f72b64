"""The resolved spec, the search space and the environment, folded away."""

from __future__ import annotations

from instatune.interfaces import Summary
from instatune.report.markup import Markup, element
from instatune.report.sections.common import section


def details(summary: Summary) -> Markup:
    """Write what is needed to repeat the run."""
    return section(
        "details", "To repeat this run", _spec(summary), _space(summary), _environment(summary)
    )


def _spec(summary: Summary) -> Markup | None:
    if not summary.spec:
        return None
    return element(
        "details",
        element("summary", "The spec, with all defaults written out"),
        element("pre", element("code", summary.spec), class_="copy"),
    )


def _space(summary: Summary) -> Markup | None:
    """What each gene could be: of an automatic space the spec does not tell."""
    if not summary.genes:
        return None
    rows = [
        element(
            "tr",
            element("th", ", ".join(names), scope="row"),
            element("td", ", ".join(f"{choice:,}" for choice in choices)),
        )
        for choices, names in _alike(summary).items()
    ]
    table = element("table", element("tbody", rows), class_="environment")
    return element("details", element("summary", "The search space, choice by choice"), table)


def _alike(summary: Summary) -> dict[tuple[int, ...], list[str]]:
    """Genes with the same choices share a line."""
    found: dict[tuple[int, ...], list[str]] = {}
    for name, choices in summary.genes.items():
        found.setdefault(tuple(choices), []).append(name)
    return found


def _environment(summary: Summary) -> Markup:
    pairs = {**summary.environment, "run folder": str(summary.run_dir)}
    rows = [
        element("tr", element("th", name, scope="row"), element("td", text))
        for name, text in pairs.items()
    ]
    table = element("table", element("tbody", rows), class_="environment")
    return element("details", element("summary", "Versions and machine"), table)

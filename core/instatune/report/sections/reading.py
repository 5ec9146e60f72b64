"""How to read the report: splits, intervals, noise, and what the numbers do not say."""

from __future__ import annotations

from instatune.interfaces import Summary
from instatune.report.findings import Findings, measurement
from instatune.report.intervals import interval
from instatune.report.markup import Markup, element
from instatune.report.sections.common import section


def reading(summary: Summary, found: Findings) -> Markup | None:
    """Write the remarks that apply to this run."""
    if found.score is None:
        return None
    remarks = [_splits(found), _noise(summary, found), _choice(summary), _costs(found)]
    items = [element("li", text) for text in remarks if text]
    return section("reading", "How to read this", element("ul", items))


def _splits(found: Findings) -> str:
    if found.split == "search":
        return (
            "Nothing was measured on a test split: all numbers are from the search split, which "
            "the search has seen, and are therefore too good."
        )
    return (
        "The search saw only the search split, which was carved from the training data. The test "
        "split was measured once, for the networks that the search had chosen and for the "
        "baselines. Trust the test column; the search column shows how much choosing flatters."
    )


def _noise(summary: Summary, found: Findings) -> str:
    score = found.score
    value = measurement(found.reference, score, found.split) if score else None
    bounds = interval(value) if value else None
    if score is None or value is None or bounds is None:
        return ""
    form = found.formats[score.name]
    unit = "points" if form.unit == "%" else form.unit
    half = form((bounds.high - bounds.low) / 2)
    return (
        f"With {value.n:,} examples a value is known to about ±{half} {unit}".rstrip()
        + ". Networks are compared on the same examples, so small differences mean a little more "
        "than the intervals suggest, but a difference marked ≈ may well be chance."
    )


def _choice(summary: Summary) -> str:
    if len(summary.front) < 2:
        return ""
    return (
        f"The headline is the best of {len(summary.front)} networks. The best of several is a "
        "little lucky: expect slightly less on new data."
    )


def _costs(found: Findings) -> str:
    exact = [cost.label for cost in found.costs if cost.exact]
    if not exact:
        return ""
    return (
        f"{' and '.join(exact)} are counted exactly from the architecture, never predicted. They "
        "are not time: measure latency on the machine that will serve the network."
    )

"""The opening: title, key result in words, the numbers behind it, and the facts of the run."""

from __future__ import annotations

from instatune.interfaces import Summary
from instatune.report import overhead, words
from instatune.report.findings import Claim, Findings
from instatune.report.markup import Markup, element
from instatune.report.numbers import percent, scientific
from instatune.report.sections.exactness import worst


def opening(summary: Summary, found: Findings) -> Markup:
    """Write the head of the page."""
    return element(
        "header",
        element("p", "instatune · ", element("strong", summary.title), class_="eyebrow"),
        element("h1", words.headline(summary, found)),
        element("p", _lede(summary, found), class_="lede"),
        _tiles(summary, found),
        _facts(summary),
    )


def _lede(summary: Summary, found: Findings) -> str:
    sentences = (words.explanation(found), words.rivals(summary, found))
    return " ".join(sentence for sentence in sentences if sentence)


def _tiles(summary: Summary, found: Findings) -> Markup | None:
    tiles = [
        *_claim_tiles(found),
        _tile(str(len(summary.front)), "networks on the front"),
        _exactness_tile(summary),
        _overhead_tile(summary),
    ]
    return element("div", tiles, class_="tiles")


def _claim_tiles(found: Findings) -> list[Markup | None]:
    equal, near = found.equal, found.near
    tiles = [_claim_tile(found, equal, f"at the level of {words.reference_name(found)}")]
    if near is not None and near != equal:
        tiles.append(_claim_tile(found, near, f"at {words.distance(found, near.loss)}"))
    return tiles


def _claim_tile(found: Findings, claim: Claim | None, condition: str) -> Markup | None:
    if claim is None or found.cost is None:
        return None
    return _tile(f"−{percent(claim.saving)}", f"{found.cost.label} {condition}", "key")


def _exactness_tile(summary: Summary) -> Markup | None:
    largest = worst(summary)
    if largest is None:
        return None
    exact = largest <= summary.tolerance
    meaning = "largest |Δlogit| of the exported networks" + ("" if exact else ": not exact")
    return _tile(scientific(largest), meaning, "" if exact else "bad")


def _overhead_tile(summary: Summary) -> Markup | None:
    ratio = overhead.ratio(summary)
    if ratio is None:
        return None
    return _tile(f"{ratio:.1f}\u00a0×", "time of tuning against plain fine-tuning")


def _tile(value: str, meaning: str, kind: str = "") -> Markup:
    return element(
        "p",
        element("strong", value),
        " ",
        element("span", meaning),
        class_=f"tile {kind}".strip(),
    )


def _facts(summary: Summary) -> Markup | None:
    if not summary.facts:
        return None
    pairs = [
        element("div", element("dt", label), element("dd", text))
        for label, text in summary.facts.items()
    ]
    return element("dl", pairs, class_="facts")

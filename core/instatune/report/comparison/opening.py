"""The opening of a comparison's page: who wins, by how much, how sure, and where it is weak."""

from __future__ import annotations

from instatune.report.comparison import words
from instatune.report.comparison.contest import Contest
from instatune.report.markup import Markup, element
from instatune.report.numbers import percent
from instatune.report.sections.common import section


def opening(contest: Contest) -> Markup:
    """Write the head of the page."""
    comparison = contest.comparison
    sentences = (words.by_how_much(contest), words.how_sure(contest))
    return element(
        "header",
        element("p", "instatune compare · ", element("strong", comparison.title), class_="eyebrow"),
        element("h1", words.headline(contest)),
        element("p", " ".join(text for text in sentences if text), class_="lede"),
        _tiles(contest),
        _weak(contest),
        _facts(contest),
    )


def _weak(contest: Contest) -> Markup | None:
    """List where the winner is not the best."""
    if len(contest.standings) < 2:
        return None
    first = contest.standings[0].label
    found = words.weaknesses(contest) or [
        f"Nowhere: {first} is ahead, or level with the best, throughout the budget and along the"
        " whole front."
    ]
    items = element("ul", [element("li", text) for text in found])
    head = element("h2", f"Where {first} is not the best")
    return element("div", head, items, class_="weak")


def warned(contest: Contest) -> Markup | None:
    """List what makes the comparison less fair than it looks."""
    found = words.warnings(contest)
    if not found:
        return None
    items = element("ul", [element("li", text) for text in found])
    return section("warnings", "To be known before these numbers are used", items)


def _tiles(contest: Contest) -> Markup | None:
    if not contest.standings:
        return None
    first, comparison = contest.standings[0], contest.comparison
    of = "true front" if contest.known else "best known front"
    tiles = [
        _tile(words.share(first), f"of the {of}'s hypervolume, median of {first.label}", "key")
    ]
    if first.label != comparison.baseline and first.improvement is not None:
        gain = percent(first.improvement, 1)
        tiles.append(
            _tile(
                f"+{gain}" if first.improvement > 0 else gain,
                f"hypervolume over {comparison.baseline}",
            )
        )
    if first.catches is not None:
        text = f"evaluations to what {comparison.baseline} has after {comparison.budget:,}"
        tiles.append(_tile(f"{first.catches:,.0f}", text))
    if len(contest.standings) > 1:
        duel = contest.duel(first.label, contest.standings[1].label)
        text = f"of pairs won against {duel.second}, {words.p_text(duel.adjusted)}"
        tiles.append(_tile(percent(duel.effect), text, "" if duel.sure else "bad"))
    own = 1e3 * first.own_seconds
    tiles.append(_tile(f"{own:.3g}\u00a0ms", f"own time of {first.label} per evaluation"))
    return element("div", tiles, class_="tiles")


def _tile(value: str, meaning: str, kind: str = "") -> Markup:
    strong, text = element("strong", value), element("span", meaning)
    return element("p", strong, " ", text, class_=f"tile {kind}".strip())


def _facts(contest: Contest) -> Markup:
    pairs = [
        element("div", element("dt", label), element("dd", text))
        for label, text in contest.comparison.facts.items()
    ]
    return element("dl", pairs, class_="facts")

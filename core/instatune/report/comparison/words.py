"""The result in words: who wins, by how much, how sure that is, and where the winner loses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from instatune.metrics.duels import least_p
from instatune.report.comparison.contest import ALPHA, Contest, Standing, cost_aim
from instatune.report.comparison.weak import better_thirds, leads, prices
from instatune.report.numbers import duration, percent

THIRDS = ("cheap", "middling", "expensive")
"""Names of the thirds of the cost axis."""


def headline(contest: Contest) -> str:
    """Who wins, in one sentence."""
    standings = contest.standings
    if not standings:
        return "Every search failed"
    first = standings[0]
    after = f"after {contest.comparison.budget:,} evaluations"
    if len(standings) == 1:
        return f"{first.label} has {share(first)} of the {thing(contest)} {after}"
    tied = equals(contest)
    if tied and too_few(contest):
        return (
            f"{first.label} leads with {share(first)} of the {thing(contest)} {after}, but"
            f" {first.seeds} seeds cannot show whether that is chance"
        )
    if tied:
        names = listed([f"{item.label} ({share(item)})" for item in (first, *tied)])
        word = "single winner" if len(tied) + 1 < len(standings) else "winner"
        return f"No {word}: {names} cannot be told apart {after}"
    second = standings[1]
    return (
        f"{first.label} wins: {share(first)} of the {thing(contest)} {after}; "
        f"{second.label} follows with {share(second)}"
    )


def by_how_much(contest: Contest) -> str:
    """The gaps, and the evaluations that the baseline wastes."""
    if len(contest.standings) < 2:
        return ""
    first, *others = contest.standings
    last = others[-1]
    lacks = percent(first.gap, _digits(first.gap))
    text = f"{first.label} lacks {lacks} of what there is to find"
    rivals = [others[0], *([last] if last is not others[0] else [])]
    gaps = [f"{item.label} {percent(item.gap, _digits(item.gap))}" for item in rivals]
    text += f", {listed(gaps)}."
    base = contest.comparison.baseline
    if first.label != base and first.catches is not None and first.improvement is not None:
        text += (
            f" What {base} has at the end, {first.label} has after {first.catches:,.0f} of"
            f" {contest.comparison.budget:,} evaluations"
        )
        text += f" ({_signed(first.improvement)} hypervolume over {base} in the end)."
    elif first.label == base:
        text += f" {first.label} is the baseline: nothing beats it."
    return text


def how_sure(contest: Contest) -> str:
    """The test behind the headline."""
    if len(contest.standings) < 2:
        return ""
    first, second = contest.standings[:2]
    duel = contest.duel(first.label, second.label)
    seeds = min(first.seeds, second.seeds)
    text = (
        f"One search of {first.label} ends above one of {second.label} in {percent(duel.effect)}"
        f" of all pairs ({seeds} seeds each; {p_text(duel.adjusted)} after Holm's correction)."
    )
    if too_few(contest):
        return f"{text} So few seeds could not show any difference; take more."
    tied = equals(contest)
    if not tied:
        return f"{text} That is more than chance."
    names = listed([item.label for item in tied])
    return f"{text} The lead over {names} may be chance."


def weaknesses(contest: Contest) -> list[str]:
    """Where the winner is not the best, one sentence each; empty where it is the best anywhere."""
    if len(contest.standings) < 2:
        return []
    return [*_early(contest), *_thirds(contest), *_time(contest)]


def warnings(contest: Contest) -> list[str]:
    """What makes the comparison less fair or less complete than it looks."""
    comparison = contest.comparison
    found = []
    for item in comparison.contestants:
        failed = [trial for trial in comparison.failures if trial.label == item.label]
        if failed:
            total = len(failed) + len(comparison.of(item.label))
            found.append(
                f"{item.label}: {len(failed)} of {total} searches failed and are left out;"
                f" {failed[0].blame} is to blame: {failed[0].error}"
            )
    for standing in contest.standings:
        if standing.skipped_initial:
            found.append(
                f"{standing.label} did not begin with the shared first networks, so its first"
                " evaluations are not comparable"
            )
        if standing.evaluations < comparison.budget:
            found.append(
                f"{standing.label} ended after {standing.evaluations:,.0f} evaluations, before the"
                " budget was spent"
            )
    if comparison.space_size and comparison.budget > 0.1 * comparison.space_size:
        seen = min(1.0, comparison.budget / comparison.space_size)
        found.append(
            f"the budget measures {percent(seen)} of the whole space: a smaller budget or a larger"
            " space tells strategies apart better"
        )
    return found


def equals(contest: Contest) -> list[Standing]:
    """Those whose distance to the first may be chance."""
    first, *others = contest.standings
    return [item for item in others if not contest.duel(first.label, item.label).sure]


def too_few(contest: Contest) -> bool:
    """Whether so few seeds took part that no difference could ever be sure."""
    first, second = contest.standings[:2]
    return least_p(first.seeds, second.seeds) * len(contest.duels) >= ALPHA


def thing(contest: Contest) -> str:
    """What shares are taken of."""
    if contest.known:
        return "hypervolume of the true front"
    return "hypervolume of the best front that all searches found together"


def share(standing: Standing) -> str:
    """Final share of the reference hypervolume."""
    return percent(float(standing.tight.median), _digits(standing.gap))


def p_text(p: float) -> str:
    """A p-value with as many digits as mean something."""
    if p < 0.0001:
        return "p < 0.0001"
    digits = 4 if p < 0.01 else 3 if p < 0.1 else 2
    return f"p = {p:.{digits}f}"


def listed(names: Sequence[str]) -> str:
    """Join names, e.g. ``"a, b and c"``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _early(contest: Contest) -> Iterator[str]:
    for lead in leads(contest):
        when = (
            f"In the first {lead.end:,} evaluations"
            if lead.start <= max(2, contest.comparison.budget // 20)
            else f"From {lead.start:,} to {lead.end:,} evaluations"
        )
        yield f"{when} {lead.label} is ahead, by up to {100 * lead.most:.1f} points."


def _thirds(contest: Contest) -> Iterator[str]:
    comparison = contest.comparison
    for third, label, more in better_thirds(contest):
        cost = comparison.aims[cost_aim(comparison)]
        yield (
            f"Among the {THIRDS[third]} networks (a third of the range of {cost.label}) {label} is"
            f" ahead, by {100 * more:.1f} points."
        )


def _time(contest: Contest) -> Iterator[str]:
    winner = contest.standings[0]
    found = [price for price in prices(contest) if price.seconds > 0]
    if not found:
        return
    least = max(found, key=lambda price: price.seconds)
    yield (
        f"{winner.label} thinks for {_short(winner.own_seconds)} per evaluation: up to"
        f" {percent(least.level)}, it is faster than {least.label} only where measuring a network"
        f" takes longer than {_short(least.seconds)}."
    )


def _short(seconds: float) -> str:
    """A time span that may be tiny."""
    if seconds < 0.001:
        return f"{1e6 * seconds:.0f}\u00a0µs"
    return f"{1e3 * seconds:.0f}\u00a0ms" if seconds < 1 else duration(seconds)


def _digits(gap: float) -> int:
    """More digits the nearer to the whole."""
    return 1 if abs(gap) >= 0.02 else 2


def _signed(fraction: float) -> str:
    text = percent(fraction, 1)
    return f"+{text}" if fraction > 0 else text

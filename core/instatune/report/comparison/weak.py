"""Where the winner is not the best: early on, in some part of the front, or when time counts."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.report.comparison.contest import Contest, Standing

MARGIN = 0.005
"""Shares that differ by less are called equal."""

_LEAST = 25  # a lead counts from this part of the budget on


@attrs.frozen(kw_only=True)
class Lead:
    """A stretch of the budget in which somebody else is ahead.

    Attributes:
        label: Who.
        start: First evaluation, from 1.
        end: Last evaluation.
        most: By how much at most, as a share of the reference.
    """

    label: str
    start: int
    end: int
    most: float


@attrs.frozen(kw_only=True)
class Price:
    """When the winner's own computing pays off.

    Attributes:
        label: Against whom.
        seconds: Measuring a network must take longer than this; 0 = it always pays off.
        level: Share of the reference up to which the race was timed.
    """

    label: str
    seconds: float
    level: float


def leads(contest: Contest) -> tuple[Lead, ...]:
    """Stretches in which another median lies above the winner's, in order."""
    if len(contest.standings) < 2:
        return ()
    winner, *others = [item.label for item in contest.standings]
    own = contest.tight.median(winner)
    rivals = np.stack([contest.tight.median(label) for label in others])
    best = rivals.argmax(axis=0)
    ahead = rivals.max(axis=0) - own > MARGIN
    least = max(2, len(own) // _LEAST)
    return tuple(
        Lead(
            label=others[int(np.bincount(best[start:end]).argmax())],
            start=start + 1,
            end=end,
            most=float((rivals.max(axis=0) - own)[start:end].max()),
        )
        for start, end in _stretches(ahead)
        if end - start >= least
    )


def better_thirds(contest: Contest) -> tuple[tuple[int, str, float], ...]:
    """Thirds of the cost axis where another strategy has more: number, label, by how much."""
    winner, *others = contest.standings
    found = []
    for third, own in enumerate(winner.thirds):
        label, most = max(
            ((other.label, other.thirds[third]) for other in others if other.thirds),
            key=lambda pair: pair[1],
            default=("", 0.0),
        )
        if most - own > MARGIN:
            found.append((third, label, most - own))
    return tuple(found)


def prices(contest: Contest) -> tuple[Price, ...]:
    """Against each strategy that thinks less: what a measurement must cost for the winner to pay.

    Both are timed up to the highest level that both reach: n evaluations of own time o and price p
    each take n (o + p) seconds, which is solved for p.
    """
    winner, *others = contest.standings
    found = []
    for other in others:
        shared = _shared_level(winner, other)
        if shared is None or other.own_seconds >= winner.own_seconds:
            continue
        level, few, many = shared
        if few < many:
            needed = (few * winner.own_seconds - many * other.own_seconds) / (many - few)
            found.append(Price(label=other.label, seconds=max(0.0, needed), level=level))
    return tuple(found)


def _shared_level(one: Standing, other: Standing) -> tuple[float, float, float] | None:
    for mine, theirs in zip(reversed(one.reach), reversed(other.reach), strict=True):
        if mine.evaluations is not None and theirs.evaluations is not None:
            return mine.level, mine.evaluations, theirs.evaluations
    return None


def _stretches(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each run of true values."""
    steps = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    yield from zip(
        np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True
    )

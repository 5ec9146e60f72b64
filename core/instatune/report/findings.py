"""What a run found, in numbers: the largest saving that keeps the accuracy, and what it rests on.

Everything is read from the rows. Savings are relative to the plain fine-tuned model, on the test
split where it was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import attrs

from instatune.interfaces import AimInfo, Measurement, Row, Summary
from instatune.report.intervals import within_noise
from instatune.report.numbers import Format, format_of, is_fraction

Split = Literal["search", "test"]

SMALLEST_SAVING = 0.005
"""A saving below half a per cent is none."""

NEAR = 0.01
"""What "close to plain" means: one point of a fraction, or one per cent of anything else."""


@attrs.frozen(kw_only=True)
class Claim:
    """One network against the reference.

    Attributes:
        row: The network.
        saving: Share of the cost that it saves, 0 to 1.
        loss: By how much it is worse, in the unit of the score; negative where it is better.
        noisy: Whether that difference lies inside the noise.
    """

    row: Row
    saving: float
    loss: float
    noisy: bool


@attrs.frozen(kw_only=True)
class Findings:
    """The reading of a summary that all parts of a report share.

    Attributes:
        score: What is to be kept, e.g. accuracy; None in a run without a measured objective.
        costs: What is to be saved, the first one leads.
        reference: Row to compare with: plain fine-tuning, else the largest network.
        split: Split that claims are read from.
        equal: The largest saving that is at least as good as the reference.
        near: The largest saving at a loss of at most :data:`NEAR`.
        closest: The best among the smaller networks.
        formats: How to write each measure.
    """

    score: AimInfo | None
    costs: tuple[AimInfo, ...]
    reference: Row | None
    split: Split
    equal: Claim | None = None
    near: Claim | None = None
    closest: Claim | None = None
    formats: dict[str, Format]

    @property
    def cost(self) -> AimInfo | None:
        """The leading cost."""
        return self.costs[0] if self.costs else None

    def value(self, row: Row | None, aim: AimInfo, split: Split = "search") -> float | None:
        """Value of a measure; exact ones are the same on every split."""
        found = measurement(row, aim, split)
        return None if found is None else found.value


def measurement(row: Row | None, aim: AimInfo, split: Split) -> Measurement | None:
    """Look a measurement up; exact measures may stand on either split."""
    if row is None:
        return None
    own, other = (row.test, row.search) if split == "test" else (row.search, row.test)
    found = own.get(aim.name)
    if found is None and aim.exact:
        found = other.get(aim.name)
    return found if found is not None and math.isfinite(found.value) else None


def findings(summary: Summary) -> Findings:
    """Read a summary."""
    score = _score(summary)
    costs = _costs(summary, score)
    reference = _reference(summary)
    split: Split = "test"
    if score is None or measurement(reference, score, "test") is None:
        split = "search"
    bare = Findings(
        score=score,
        costs=costs,
        reference=reference,
        split=split,
        formats=_formats(summary),
    )
    claims = _claims(summary, bare)
    margin = _margin(summary, bare)
    return attrs.evolve(
        bare,
        equal=_most_saving(claim for claim in claims if claim.loss <= 0),
        near=_most_saving(claim for claim in claims if claim.loss <= margin + 1e-12),
        closest=min(claims, key=lambda claim: (claim.loss, -claim.saving), default=None),
    )


def all_rows(summary: Summary) -> tuple[Row, ...]:
    """Front and baselines."""
    return (*summary.front, *summary.baselines)


def _score(summary: Summary) -> AimInfo | None:
    return next((aim for aim in summary.aims if not aim.exact and aim.goal == "max"), None) or next(
        (aim for aim in summary.aims if not aim.exact), None
    )


def _costs(summary: Summary, score: AimInfo | None) -> tuple[AimInfo, ...]:
    candidates = [aim for aim in (*summary.aims, *summary.extras) if aim != score]
    searched = tuple(aim for aim in candidates if aim.goal == "min" and aim in summary.aims)
    return searched or tuple(aim for aim in candidates if aim.goal == "min")[:1]


def _reference(summary: Summary) -> Row | None:
    by_role = {row.role: row for row in reversed(summary.baselines)}
    return by_role.get("plain") or by_role.get("largest")


def _formats(summary: Summary) -> dict[str, Format]:
    formats = {}
    for aim in (*summary.aims, *summary.extras):
        values = [
            found.value
            for row in all_rows(summary)
            for found in (row.search.get(aim.name), row.test.get(aim.name))
            if found is not None
        ]
        values += [point[aim.name] for point in summary.evaluated if aim.name in point]
        formats[aim.name] = format_of(aim, values)
    return formats


def _margin(summary: Summary, found: Findings) -> float:
    if found.score is None:
        return 0.0
    base = found.value(found.reference, found.score, found.split)
    if base is None or is_fraction(found.score, [base]):
        return NEAR
    return NEAR * abs(base)


def _claims(summary: Summary, found: Findings) -> list[Claim]:
    claims = (_claim(row, found) for row in summary.front)
    return [claim for claim in claims if claim is not None and claim.saving >= SMALLEST_SAVING]


def _claim(row: Row, found: Findings) -> Claim | None:
    score, cost, base = found.score, found.cost, found.reference
    if score is None or cost is None:
        return None
    value, other = measurement(row, score, found.split), measurement(base, score, found.split)
    spent, full = found.value(row, cost), found.value(base, cost)
    if value is None or other is None or spent is None or not full:
        return None
    worse = other.value - value.value if score.goal == "max" else value.value - other.value
    return Claim(row=row, saving=1 - spent / full, loss=worse, noisy=within_noise(value, other))


def _most_saving(claims: Iterable[Claim]) -> Claim | None:
    return max(claims, key=lambda claim: claim.saving, default=None)

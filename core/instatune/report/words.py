"""The key result in words, said plainly when nothing was found."""

from __future__ import annotations

from instatune.interfaces import AimInfo, Measurement, Row, Summary
from instatune.report.findings import Claim, Findings, measurement
from instatune.report.intervals import interval
from instatune.report.numbers import Format, percent

NAMES = {
    "plain": "plain fine-tuning",
    "largest": "the largest network",
}


def headline(summary: Summary, found: Findings) -> str:
    """Say the key result in one sentence, e.g. "27 % fewer MACs at the accuracy of ..."."""
    if not summary.front:
        return "The search found no sub-network that meets the constraints"
    if found.score is None or found.cost is None:
        return f"{_networks(len(summary.front))} on the front"
    if measurement(found.reference, found.score, found.split) is None:
        return f"{_networks(len(summary.front))} on the front, and no baseline to compare with"
    return _result(found, found.score, found.cost)


def explanation(found: Findings) -> str:
    """Say what the headline rests on: network, split, interval, noise."""
    claim = found.equal or found.near or found.closest
    score, base = found.score, found.reference
    if claim is None or score is None or base is None:
        return ""
    own, other = measurement(claim.row, score, found.split), measurement(base, score, found.split)
    if own is None or other is None:
        return ""
    form = found.formats[score.name]
    text = (
        f"On the {found.split} split{_size(own)} {claim.row.name} has {_level(own, form, score)}, "
        f"{base.name} {_level(other, form, score)}."
    )
    return text + _verdict(claim, found)


def rivals(summary: Summary, found: Findings) -> str:
    """Say how good a simple baseline gets at no more cost than the network of the headline."""
    claim, score, cost = found.equal or found.near, found.score, found.cost
    if claim is None or score is None or cost is None:
        return ""
    limit = found.value(claim.row, cost) or 0.0
    simple = [row for row in summary.baselines if row.role not in _NO_RIVALS]
    cheap = [row for row in simple if (found.value(row, cost) or float("inf")) <= limit]
    known = [(found.value(row, score, found.split), row) for row in cheap]
    values = [(value, row) for value, row in known if value is not None]
    if not values:
        return ""
    sign = 1 if score.goal == "max" else -1
    best, row = max(values, key=lambda pair: sign * pair[0])
    text = found.formats[score.name].with_unit(best)
    return f"The best simple baseline with no more {cost.label}, {row.name}, has {text}."


_NO_RIVALS = ("plain", "largest")
"""Baselines that save nothing."""


def amount(found: Findings, claim: Claim) -> str:
    """Write a saving, e.g. "27 % fewer MACs"."""
    cost = found.cost
    if cost is None:
        return percent(claim.saving)
    return f"{percent(claim.saving)} {comparative(cost)} {cost.label}"


def comparative(cost: AimInfo) -> str:
    """Choose between "fewer" for counts and "less" for quantities."""
    return "fewer" if not cost.unit or cost.unit.lower() == cost.label.lower() else "less"


def distance(found: Findings, loss: float) -> str:
    """Write a loss of the score, e.g. "0.8 points less"."""
    score = found.score
    if score is None:
        return ""
    form = found.formats[score.name]
    worse, better = ("less", "more") if score.goal == "max" else ("more", "less")
    word = worse if loss >= 0 else better
    if form.unit == "%":
        text = form(abs(loss))
        return f"{text} {'point' if text == '1.0' else 'points'} {word}"
    return f"{form.with_unit(abs(loss))} {word} {score.label}"


def reference_name(found: Findings) -> str:
    """Name the reference as a sentence needs it."""
    row = found.reference
    return NAMES.get(row.role, row.name) if row else ""


def _result(found: Findings, score: AimInfo, cost: AimInfo) -> str:
    equal, near, closest = found.equal, found.near, found.closest
    base = reference_name(found)
    if equal:
        text = f"{amount(found, equal)} at the {score.label} of {base}"
        if near and near.saving > equal.saving + 0.005:
            text += f"; {percent(near.saving)} {comparative(cost)} at "
            text += distance(found, near.loss)
        return text
    if near:
        return (
            f"{amount(found, near)} at {distance(found, near.loss)} {score.label} "
            f"than {base}; no smaller network is as good"
        )
    if closest:
        return (
            f"Nothing close to {base} was found: the best smaller network has "
            f"{distance(found, closest.loss)} for {amount(found, closest)}"
        )
    return f"No network of the front has {comparative(cost)} {cost.label} than {base}"


def _verdict(claim: Claim, found: Findings) -> str:
    if claim.loss == 0:
        return " There is no difference on this split."
    if claim.noisy:
        return " The difference lies inside the noise of this split."
    if claim.loss < 0:
        return " The gain is larger than the noise of this split."
    return " The loss is larger than the noise of this split." if claim.loss > 0 else ""


def _level(found: Measurement, form: Format, score: AimInfo) -> str:
    bounds = interval(found)
    text = f"{form.with_unit(found.value)} {score.label}"
    if bounds is None:
        return text
    return f"{text} (95 % interval {form(bounds.low)} to {form(bounds.high)})"


def _size(found: Measurement) -> str:
    return f" ({found.n:,} examples)" if found.n > 1 else ""


def _networks(count: int) -> str:
    return f"{count} sub-network" + ("" if count == 1 else "s")


def describe(row: Row) -> str:
    """Say in a few words what a row is, for tooltips."""
    return ROLES.get(row.role, row.role)


ROLES = {
    "front": "on the front that the search chose",
    "plain": "the original model, fine-tuned as usual",
    "largest": "the super-network with everything switched on",
    "smallest": "the smallest network of the space",
    "uniform": "the same widths in every layer",
    "first_layers": "the first layers only, at full width",
    "random": "found by random search with as many evaluations",
    "quantized": "the largest network with all bits low",
    "alike": "found with all bits alike, with as many evaluations",
}

"""What a column of results measures: its short name, the good direction, unit and scale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from instatune.errors import DataError

Goal: TypeAlias = Literal["min", "max"]

_KNOWN: tuple[tuple[str, str, Goal], ...] = (
    (r"\bacc(uracy)?\b", "accuracy", "max"),
    (r"\bbleu\b", "bleu", "max"),
    (r"\b(hr|hit rate|ndcg|mrr|f1|map)\b", "score", "max"),
    (r"\bmacs\b", "macs", "min"),
    (r"\bparam(eter)?s\b", "params", "min"),
    (r"\blatency\b", "latency", "min"),
    (r"\b(perplexity|loss|error)\b", "loss", "min"),
    (r"\b(size|bytes)\b", "size", "min"),
    (r"\b(energy|power)\b", "energy", "min"),
)
"""Words in the heads of columns, short name, good direction."""


@attrs.frozen(kw_only=True)
class Measure:
    """A column of measured values.

    Attributes:
        head: Of the column.
        name: Short and unlike all others.
        goal: The good direction.
        unit: May be empty.
        factor: Turns per cent into fractions.
    """

    head: str
    name: str
    goal: Goal
    unit: str = ""
    factor: float = 1.0


def measure_of(head: str, goals: Mapping[str, Goal], place: str) -> Measure:
    """Tell what a column measures.

    Args:
        head: E.g. ``"Top-1 Acc (%)"``.
        goals: Good directions by head, where the head alone does not tell.
        place: The file, for messages.

    Raises:
        DataError: It is not known whether more is better.
    """
    words = head.lower().replace("_", " ")
    found = next((item for item in _KNOWN if re.search(item[0], words)), None)
    goal = goals.get(head) or (found[2] if found else None)
    if goal is None:
        raise DataError(
            f"{place}: column {head!r}: is more of it better? Say so with"
            f" --goal '{head}=max' or --goal '{head}=min'"
        )
    unit = _unit(head)
    return Measure(
        head=head,
        name=found[1] if found else slug(head),
        goal=goal,
        unit="" if unit == "%" else unit,
        factor=0.01 if unit == "%" else 1.0,
    )


def slug(head: str) -> str:
    """A head as a name: ``"Top-1 Acc (%)"`` becomes ``"top_1_acc"``."""
    return re.sub(r"\W+", "_", re.sub(r"\(.*?\)", "", head)).strip("_").lower() or "value"


def _unit(head: str) -> str:
    match = re.search(r"\(([^()]*)\)\s*$", head)
    return match[1].strip() if match else ""

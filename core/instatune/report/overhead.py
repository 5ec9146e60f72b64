"""What it cost: the price of one elastic super-network against one plainly fine-tuned model."""

from __future__ import annotations

from instatune.interfaces import Summary
from instatune.report.numbers import duration

TEACH, TUNE = "teach", "tune"


def ratio(summary: Summary) -> float | None:
    """Time of the elastic tuning over that of plain fine-tuning; None where one is missing."""
    plain, elastic = (summary.stage_seconds.get(stage, 0.0) for stage in (TEACH, TUNE))
    return elastic / plain if plain > 0 and elastic > 0 else None


def step_ratio(summary: Summary) -> float | None:
    """The same for one optimiser step; None where steps are not known."""
    whole = ratio(summary)
    plain, elastic = (summary.stage_steps.get(stage, 0) for stage in (TEACH, TUNE))
    if whole is None or plain <= 0 or elastic <= 0:
        return None
    return whole * plain / elastic


def overhead(summary: Summary) -> str:
    """Say in words what tuning and the whole run cost."""
    whole, step = ratio(summary), step_ratio(summary)
    if whole is None:
        return ""
    total = sum(summary.stage_seconds.values())
    plain, elastic = summary.stage_seconds[TEACH], summary.stage_seconds[TUNE]
    text = (
        f"Tuning the super-network took {duration(elastic)}, {whole:.1f} times the "
        f"{duration(plain)} of plain fine-tuning"
    )
    if step is not None:
        text += f" ({step:.1f} times per optimiser step)"
    return f"{text}. The whole run took {total / plain:.1f} times as long as plain fine-tuning."

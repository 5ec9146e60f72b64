"""The plan of a comparison: every name resolved, every setting checked."""

from __future__ import annotations

from pathlib import Path

import attrs

from instatune.spec.comparison.model import ComparisonSpec
from instatune.spec.document import Document
from instatune.spec.plan import Part


@attrs.frozen(kw_only=True)
class Entrant:
    """A strategy that takes part, resolved.

    Attributes:
        label: For people.
        strategy: The strategy.
        predictor: What it predicts with; None for strategies that do not need one.
    """

    label: str
    strategy: Part
    predictor: Part | None


@attrs.frozen(kw_only=True)
class ComparisonPlan:
    """Everything that the engine needs to know; light, no torch.

    Attributes:
        spec: Behind it, with all settings written out.
        run_dir: Folder of the comparison, absolute.
        benchmark: Where strategies are compared.
        entrants: Who takes part, in the order of the spec.
        baseline: Label of the strategy that all others are held against.
        seeds: Of the repetitions.
        reporters: Who is told.
        text: The comparison as YAML; reads back to the same plan.
        document: For problems that show only once the benchmark is open.
    """

    spec: ComparisonSpec
    run_dir: Path
    benchmark: Part
    entrants: tuple[Entrant, ...]
    baseline: str
    seeds: tuple[int, ...]
    reporters: tuple[Part, ...]
    text: str
    document: Document

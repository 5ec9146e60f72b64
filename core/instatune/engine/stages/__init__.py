"""The pipeline: one stage a file, in this order."""

from __future__ import annotations

from instatune.engine.stages import (
    elastic,
    export,
    load,
    measure,
    order,
    report,
    search,
    teach,
    tune,
    verify,
)
from instatune.engine.stages.stage import Stage

STAGES: tuple[Stage, ...] = (
    load.STAGE,
    teach.STAGE,
    elastic.STAGE,
    order.STAGE,
    tune.STAGE,
    search.STAGE,
    verify.STAGE,
    export.STAGE,
    measure.STAGE,
    report.STAGE,
)

__all__ = ["STAGES", "Stage"]

"""The hooks: one for each kind of component.

A hook takes no argument and yields entries. It is called once per process, in no particular order,
before any model is loaded, and must not import torch. A name that another plugin offers too stays
usable as ``name@distribution``.
"""

from __future__ import annotations

import pluggy

from instatune.plugin.entries import (
    AdapterEntry,
    DimensionEntry,
    Entry,
    ExecutorEntry,
    ExporterEntry,
    Kind,
    ObjectiveEntry,
    OrderingEntry,
    PredictorEntry,
    QuantizerEntry,
    ReporterEntry,
    SamplerEntry,
    ScheduleEntry,
    StrategyEntry,
    TaskEntry,
)

hookspec = pluggy.HookspecMarker("instatune")

ENTRY_TYPES: dict[Kind, type[Entry]] = {
    "adapters": AdapterEntry,
    "dimensions": DimensionEntry,
    "orderings": OrderingEntry,
    "samplers": SamplerEntry,
    "schedules": ScheduleEntry,
    "predictors": PredictorEntry,
    "strategies": StrategyEntry,
    "quantizers": QuantizerEntry,
    "objectives": ObjectiveEntry,
    "tasks": TaskEntry,
    "executors": ExecutorEntry,
    "reporters": ReporterEntry,
    "exporters": ExporterEntry,
}
"""The kinds with the entry that each hook yields. The hook of a kind is ``instatune_<kind>``."""

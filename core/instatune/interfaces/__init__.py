"""The contracts: an abstract class for each kind, and the data that passes through them."""

from __future__ import annotations

from instatune.interfaces.adapter import Adapter, Batch
from instatune.interfaces.benchmark import Arena, Benchmark
from instatune.interfaces.dimension import Damage, Dimension
from instatune.interfaces.evaluation import Evaluation, Measurement
from instatune.interfaces.executor import Executor
from instatune.interfaces.exporter import Exporter, Network, Runner
from instatune.interfaces.objective import Bench, ExactObjective, Objective
from instatune.interfaces.ordering import Ordering, Probe
from instatune.interfaces.predictor import Prediction, Predictor
from instatune.interfaces.quantizer import Policy, Quantizer, Ranges, Simulation
from instatune.interfaces.reporter import Progress, Reporter
from instatune.interfaces.sampler import Draw, Gauge, Role, Sampler
from instatune.interfaces.schedule import (
    InnerTerm,
    LossWeights,
    Moment,
    RelationLayers,
    Schedule,
)
from instatune.interfaces.strategy import Aim, Limit, Problem, Strategy
from instatune.interfaces.summary import AimInfo, Artefact, CurvePoint, Row, Summary, Trace
from instatune.interfaces.task import Example, Features, Splits, Task

INTERFACES: dict[str, type] = {
    "adapters": Adapter,
    "dimensions": Dimension,
    "orderings": Ordering,
    "samplers": Sampler,
    "schedules": Schedule,
    "predictors": Predictor,
    "strategies": Strategy,
    "quantizers": Quantizer,
    "objectives": Objective,
    "tasks": Task,
    "executors": Executor,
    "reporters": Reporter,
    "exporters": Exporter,
    "benchmarks": Benchmark,
}
"""The abstract class that a component of each kind implements."""

__all__ = [
    "INTERFACES",
    "Adapter",
    "Aim",
    "AimInfo",
    "Arena",
    "Artefact",
    "Batch",
    "Bench",
    "Benchmark",
    "CurvePoint",
    "Damage",
    "Dimension",
    "Draw",
    "Evaluation",
    "ExactObjective",
    "Example",
    "Executor",
    "Exporter",
    "Features",
    "Gauge",
    "InnerTerm",
    "Limit",
    "LossWeights",
    "Measurement",
    "Moment",
    "Network",
    "Objective",
    "Ordering",
    "Policy",
    "Prediction",
    "Predictor",
    "Probe",
    "Problem",
    "Progress",
    "Quantizer",
    "Ranges",
    "RelationLayers",
    "Reporter",
    "Role",
    "Row",
    "Runner",
    "Sampler",
    "Schedule",
    "Simulation",
    "Splits",
    "Strategy",
    "Summary",
    "Task",
    "Trace",
]

"""Contracts: what every component of a kind must do, as test classes to inherit from.

    class TestMySampler(SamplerContract):
        entry = "my_sampler"          # name of the component
        settings = {"rungs": 4}       # arguments of its config class, if it needs any

Each contract finds the component through its registration, as a run would do, and tests it against
what its interface documents. Methods that do not start with ``test_`` say what it is tested with
and may be overridden.
"""

from __future__ import annotations

from instatune.testing.contracts.adapter import AdapterContract
from instatune.testing.contracts.benchmark import BenchmarkContract
from instatune.testing.contracts.contract import Contract
from instatune.testing.contracts.dimension import DimensionContract
from instatune.testing.contracts.executor import ExecutorContract
from instatune.testing.contracts.exporter import ExporterContract
from instatune.testing.contracts.objective import ObjectiveContract
from instatune.testing.contracts.ordering import OrderingContract
from instatune.testing.contracts.predictor import PredictorContract
from instatune.testing.contracts.quantizer import QuantizerContract
from instatune.testing.contracts.reporter import ReporterContract
from instatune.testing.contracts.sampler import SamplerContract
from instatune.testing.contracts.schedule import ScheduleContract
from instatune.testing.contracts.strategy import StrategyContract
from instatune.testing.contracts.task import TaskContract

__all__ = [
    "AdapterContract",
    "BenchmarkContract",
    "Contract",
    "DimensionContract",
    "ExecutorContract",
    "ExporterContract",
    "ObjectiveContract",
    "OrderingContract",
    "PredictorContract",
    "QuantizerContract",
    "ReporterContract",
    "SamplerContract",
    "ScheduleContract",
    "StrategyContract",
    "TaskContract",
]

"""Every component that comes with instatune keeps the contract of its kind."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from instatune.plugin.manager import discover
from instatune.testing import contracts
from instatune.testing.contracts import Contract


class TestNone(contracts.OrderingContract):
    entry = "none"


class TestL1(contracts.OrderingContract):
    entry = "l1"


class TestTaylor(contracts.OrderingContract):
    entry = "taylor"


class TestL2(contracts.OrderingContract):
    entry = "l2"


class TestActivation(contracts.OrderingContract):
    entry = "activation"


class TestMovement(contracts.OrderingContract):
    entry = "movement"


class TestSensitivity(contracts.OrderingContract):
    entry = "sensitivity"


class TestUniform(contracts.SamplerContract):
    entry = "uniform"


class TestSandwich(contracts.SamplerContract):
    entry = "sandwich"


class TestSorted(contracts.SamplerContract):
    entry = "sorted"


class TestSinglePath(contracts.SamplerContract):
    entry = "single_path"


class TestAttentive(contracts.SamplerContract):
    entry = "attentive"


class TestWorstUp(contracts.SamplerContract):
    entry = "attentive"
    settings: ClassVar = {"mode": "worst_up", "target": "uniform", "bins": 5}


class TestProgressive(contracts.SamplerContract):
    entry = "progressive"


class TestMacsBalanced(contracts.SamplerContract):
    entry = "macs_balanced"


class TestDepth(contracts.DimensionContract):
    entry = "depth"
    settings: ClassVar = {"choices": (1, 3)}


class TestRankedDepth(contracts.DimensionContract):
    entry = "depth"
    settings: ClassVar = {"ratio": (0.4, 1.0), "drop": "ranked"}


class TestHeads(contracts.DimensionContract):
    entry = "heads"
    settings: ClassVar = {"choices": (2, 4), "per": "model"}


class TestFfn(contracts.DimensionContract):
    entry = "ffn"
    settings: ClassVar = {"ratio": (0.25, 0.5, 1.0)}


class TestKvGroups(contracts.DimensionContract):
    entry = "kv_groups"
    settings: ClassVar = {"choices": (1, 4)}


class TestInstaTuneLowCost(contracts.ScheduleContract):
    entry = "instatune"


class TestInstaTuneHighCost(contracts.ScheduleContract):
    entry = "instatune"
    settings: ClassVar = {"gamma": "high_cost", "alpha": 0.5}


class TestInstaTuneTeacherFirst(contracts.ScheduleContract):
    entry = "instatune"
    settings: ClassVar = {"gamma": "teacher_first", "teacher_epochs": 2, "rho": 2.0}


class TestInPlace(contracts.ScheduleContract):
    entry = "in_place"


class TestAlphaDivergence(contracts.ScheduleContract):
    entry = "alpha_divergence"


class TestAlternate(contracts.ScheduleContract):
    entry = "alternate"
    settings: ClassVar = {"every": 3}


class TestPlain(contracts.ScheduleContract):
    entry = "plain"


class TestRidge(contracts.PredictorContract):
    entry = "ridge"


class TestSvr(contracts.PredictorContract):
    entry = "svr"


class TestBestOf(contracts.PredictorContract):
    entry = "best_of"


class TestRandom(contracts.StrategyContract):
    entry = "random"


class TestNsga2(contracts.StrategyContract):
    entry = "nsga2"


class TestLinas(contracts.StrategyContract):
    entry = "linas"


class TestAccuracy(contracts.ObjectiveContract):
    entry = "accuracy"


class TestMacs(contracts.ObjectiveContract):
    entry = "macs"


class TestParams(contracts.ObjectiveContract):
    entry = "params"


class TestAgreement(contracts.ObjectiveContract):
    entry = "agreement"


class TestDivergence(contracts.ObjectiveContract):
    entry = "divergence"


class TestPythonDocs(contracts.TaskContract):
    entry = "python_docs"
    settings: ClassVar = {"max_train": 40}


class TestTextClassification(contracts.TaskContract):
    entry = "text_classification"

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path):
        rows = [{"text": f"example {i}", "label": "ab"[i % 2]} for i in range(40)]
        for name in ("train", "test"):
            lines = (json.dumps(row | {"text": f"{name} {row['text']}"}) for row in rows)
            (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        files = {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "test")}
        type(self).settings = files


class TestCausalLM(contracts.TaskContract):
    entry = "causal_lm"

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path):
        text = "\n".join(f"line {i} of a text about nothing" for i in range(200))
        (tmp_path / "text.txt").write_text(text, encoding="utf-8")
        type(self).settings = {"train": (str(tmp_path / "text.txt"),), "passage": 40}

    def logits(self, labels, n_labels):
        import torch

        _, _, batch = self.batch()
        return torch.zeros(*batch["input_ids"].shape, 300)  # of words, at each token


class TestLocal(contracts.ExecutorContract):
    entry = "local"


class TestConsole(contracts.ReporterContract):
    entry = "console"


class TestCsv(contracts.ReporterContract):
    entry = "csv"


class TestJson(contracts.ReporterContract):
    entry = "json"


class TestHtml(contracts.ReporterContract):
    entry = "html"


class TestPng(contracts.ReporterContract):
    entry = "png"


class TestFolder(contracts.ExporterContract):
    entry = "folder"


def test_every_component_that_is_offered_is_tested_here():
    tested = {
        (thing.kind, thing.entry)
        for thing in globals().values()
        if isinstance(thing, type) and issubclass(thing, Contract) and hasattr(thing, "entry")
    }
    # Adapters need checkpoints of their families: their tests stand with them.
    offered = {
        (registry.kind, offer.entry.name)
        for registry in discover(only=("instatune",))
        for offer in registry.offers()
        if registry.kind != "adapters"
    }

    # Image tasks need a model's transform: tests/plugins/tasks/images holds their contracts.
    elsewhere = {("tasks", "digits"), ("tasks", "image_classification")}
    assert offered == tested | elsewhere

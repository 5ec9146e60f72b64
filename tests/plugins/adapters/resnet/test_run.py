"""A whole run of a network with batch normalisation: each network has statistics of its own."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

import instatune
from instatune.engine.stages.search import STAGE
from instatune.plugin.manager import discover
from instatune.spec.resolve import plan
from instatune.supernet.subnet import load_processor
from instatune_plugins.tasks.digits import Digits
from instatune_plugins.tasks.images_config import DigitsConfig


def spec(folder, **search):
    brief = {"batch_size": 32, "lr": 3.0e-3, "max_steps": 12, "curve_points": 1}
    return {
        "spec": 1,
        "name": "resnet",
        "run_dir": str(folder / "run"),
        "device": "cpu",
        "model": {
            "adapter": {
                "name": "resnet",
                "pretrained": False,
                "image_size": 8,
                "model_args": {"width": 8},
            },
            "checkpoint": "cifar_resnet14",
        },
        "task": {"name": "digits", "max_train": 400},
        "teach": {"batch_size": 32, "lr": 3.0e-3, "max_steps": 40, "epochs": 10},
        "space": {
            "depth": {"choices": [1, 2], "drop": "ranked"},
            "channels": {"ratio": [0.5, 1.0]},
        },
        "order": {"by": "taylor", "batches": 2},
        "tune": {
            **brief,
            "start": "teacher",
            "sampler": "attentive",
            "loss": "in_place",
        },
        "search": {
            "strategy": "random",
            "evaluations": 6,
            "baselines": False,
            "export_limit": 2,
            "calibration_batches": 3,
            **search,
        },
        "reporters": ["json"],
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    return folder, instatune.run(spec(folder))


def stages(folder):
    return json.loads((folder / "run" / "stages.json").read_text())


def statistics_of(tensors):
    return {n: t for n, t in tensors.items() if n.endswith(("running_mean", "running_var"))}


def test_it_proves_all_forms_exact_and_scores_them_alike(finished):
    folder, run = finished
    task = Digits(DigitsConfig(max_train=400))
    examples = task.load(0).test
    for row in run.front:
        assert set(row.exactness) == {"masked", "extracted", "reloaded"}
        assert max(row.exactness.values()) <= 1e-4
        small = run.load(row)
        processor = load_processor(folder / "run" / row.folder)
        batch = task.collate(task.encode(examples, processor))
        with torch.inference_mode():
            score = task.correct(small(batch["pixel_values"]), batch).mean()
        assert float(score) == pytest.approx(row.test["accuracy"].value, abs=1e-6)


def test_exported_networks_have_statistics_of_their_own_and_the_teacher_keeps_its(finished):
    folder, run = finished
    shared = statistics_of(load_file(folder / "run" / "supernet" / "model.safetensors"))
    teacher = load_file(folder / "run" / "teacher" / "model.safetensors")
    # After training, 40 batches of the teacher and then 4 networks in each of 12 steps.
    assert teacher["bn1.num_batches_tracked"] == 40
    for row in run.front:
        small = load_file(folder / "run" / row.folder / "model.safetensors")
        assert small["bn1.num_batches_tracked"] == 3
        assert not torch.allclose(small["bn1.running_mean"], shared["bn1.running_mean"])


def test_other_batches_search_again_but_do_not_train_again(finished):
    folder, _ = finished
    before = stages(folder)

    instatune.run(spec(folder, calibration_batches=2))

    after = stages(folder)
    for name in ("teach", "elastic", "order", "tune"):
        assert after[name] == before[name], name
    for name in ("search", "verify", "export"):
        assert after[name]["key"] != before[name]["key"], name


def test_keys_of_runs_from_before_there_was_a_choice_stay(tmp_path):
    plugins = discover()

    def reads(count):
        made = plan(spec(tmp_path, calibration_batches=count), plugins)
        return STAGE.reads(SimpleNamespace(plan=made, objectives={}))

    assert "calibration_batches" not in reads(8)
    assert reads(9) == {**reads(8), "calibration_batches": 9}

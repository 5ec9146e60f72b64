"""Whole runs with the toy: a family besides BERT, and a model that is recognised by structure."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

import instatune

TOY = Path(__file__).parents[3] / "end_to_end" / "toy.py"


@pytest.fixture(scope="module")
def toy():
    spec = importlib.util.spec_from_file_location("toy_of_adapters", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def replace_encoder(folder, model_type):
    """Another random encoder in the place of BERT, with the same tokenizer and sizes."""
    from transformers import AutoConfig, AutoModel

    old = json.loads((folder / "config.json").read_text())
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
    sizes = {name: old[name] for name in (*names, "intermediate_size", "max_position_embeddings")}
    kept = folder.with_name("tokenizer")
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("model*", "config.json"))
    shutil.rmtree(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(model_type, **sizes)).save_pretrained(folder)
    shutil.copytree(kept, folder, dirs_exist_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "model_type", "size"), [("bert", "mpnet", 3 * 3), ("auto", "ernie", 3 + 9 + 27)]
)
def test_a_spec_runs_to_its_report(toy, tmp_path, adapter, model_type, size):
    brief = {"epochs": 1, "batch_size": 64, "lr": 1.0e-3, "curve_points": 0}
    checkpoint = tmp_path / "checkpoint"
    spec = toy.make(
        tmp_path,
        model={"adapter": adapter, "checkpoint": str(checkpoint)},
        teach={"epochs": 1, "batch_size": 64},
        tune=brief,
        space={"depth": {"choices": [1, 2, 3], "drop": "ranked"}, "heads": [1, 2, 4]},
        search={"strategy": "random", "evaluations": 6, "baselines": False, "export_limit": 2},
        reporters=["json"],
    )
    replace_encoder(checkpoint, model_type)

    finished = instatune.run(spec)

    assert f"{size} sub-networks" in (tmp_path / "run" / "stages.json").read_text()
    for row in finished.front:
        assert max(row.exactness.values()) <= 1e-5
        small = finished.load(row)
        assert sum(p.numel() for p in small.parameters()) > 0
        assert small.config.model_type == model_type

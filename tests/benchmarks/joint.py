"""The joint search on MiniLM and SST-2 that several benchmarks share: spec and run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from variants import DATA, RUNS, example

EXAMPLE = "02_bert_sst2"
BITS = {"choices": [8, 32], "per": "linear", "embeddings": [8, 32]}


def options(description: str | None) -> argparse.ArgumentParser:
    """Options of all these benchmarks."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with sst2/")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run folders go")
    parser.add_argument("--train", type=int, help="examples to teach and tune with")
    parser.add_argument("--epochs", type=int, default=1, help="of tuning")
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--search-examples", type=int, default=1000)
    parser.add_argument("--formats", nargs="+", default=["folder", "onnx", "onnx_int8"])
    return parser


def joint_spec(chosen: argparse.Namespace) -> dict[str, Any]:
    """Example 02 with bits among its genes, and size instead of MACs."""
    spec = example(EXAMPLE, chosen.data)
    spec["run_dir"] = str(chosen.runs / "joint")
    spec["task"] = {**spec["task"], "search_examples": chosen.search_examples}
    if chosen.train:
        spec["task"]["max_train"] = chosen.train
    spec["space"] = {**spec["space"], "bits": BITS}
    spec["quantizer"] = "int8"
    spec["tune"] = {**spec["tune"], "epochs": chosen.epochs}
    spec["search"] = {
        **spec["search"],
        "evaluations": chosen.evaluations,
        "export_limit": 12,
        "precision": "fp32",
    }
    spec["objectives"] = ["accuracy", "model_size"]
    spec["exporters"] = list(chosen.formats)
    return spec

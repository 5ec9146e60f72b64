"""The joint search on MiniLM and SST-2 that several benchmarks share: spec and run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from variants import DATA, RUNS, example

EXAMPLE = "02_bert_sst2"
BITS = {"choices": [8, 32], "per": "linear", "embeddings": [4, 8, 32]}


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


def reopened(chosen: argparse.Namespace, *formats: str) -> Any:
    """The super-network of the run, with these exporters to run networks in.

    Raises:
        SystemExit: ``joint_sst2`` has not been run in this folder.
    """
    from instatune.engine.reopen import Reopened, reopen
    from instatune.engine.workshop import Workshop
    from instatune.errors import StoreError
    from instatune.spec.resolve import prepare

    try:
        run = reopen(chosen.runs / "joint")
    except StoreError as error:
        raise SystemExit(f"{error}\nrun `make bench NAME=joint_sst2` first") from error
    spec = {**joint_spec(chosen), "exporters": list(formats)}
    made, plugins = prepare(spec)
    shop = Workshop(made, plugins, run.shop.folder, run.shop.events)
    return Reopened(shop=shop, supernet=run.supernet)


def drawn(space: Any, count: int, seed: int = 0) -> list[Any]:
    """Random networks whose shares of low bits differ: from none of the modules to all."""
    import numpy as np

    rng = np.random.default_rng(seed)
    bits = np.array([gene.effect == "bits" for gene in space.genes])
    rows = space.sample(rng, count)
    for row, share in zip(rows, np.linspace(0.0, 1.0, count), strict=True):
        low = rng.random(len(bits)) < share
        row[bits] = np.where(low, 0, space.cardinalities - 1)[bits]
    return list(dict.fromkeys(space.decode(space.canonical(rows))))

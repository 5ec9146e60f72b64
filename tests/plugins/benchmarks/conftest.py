"""Small tables that tests write themselves."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from instatune_plugins.benchmarks.tabular_config import (
    GeneColumn,
    SurrogateConfig,
    TabularConfig,
    ValueColumn,
)

ACCURACY = ValueColumn(column="acc", test="acc_test", name="accuracy", goal="max", factor=0.01)
MACS = ValueColumn(column="macs", goal="min", exact=True)
LAYERS = {"depth": (("width.0", "op.0"), ("width.1", "op.1"))}


def rows(seed: int = 0) -> list[dict[str, object]]:
    """All 6 + 36 networks of one or two layers, each with three widths and two operations."""
    rng = np.random.default_rng(seed)
    found = []
    for depth in (1, 2):
        for layers in product(product((8, 16, 32), ("conv", "pool")), repeat=depth):
            row: dict[str, object] = {"depth": depth}
            for index, (width, op) in enumerate(layers):
                row |= {f"width.{index}": width, f"op.{index}": op}
            macs = 100 + sum(width * (9 if op == "conv" else 1) for width, op in layers)
            acc = 50 + 12 * np.log10(macs) + rng.normal(0, 0.5)
            found.append(row | {"macs": macs, "acc": f"{acc:.2f}", "acc_test": f"{acc - 1:.2f}"})
    return found


def write(path: Path, found: list[dict[str, object]]) -> str:
    heads = list(dict.fromkeys(head for row in found for head in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, heads, restval="")
        writer.writeheader()
        writer.writerows(found)
    return str(path)


def config(file: str, **changes: object) -> TabularConfig:
    genes = ("depth", "width.0", "op.0", "width.1", "op.1")
    settings: dict[str, object] = {
        "file": file,
        "genes": tuple(GeneColumn(column=gene) for gene in genes),
        "values": (ACCURACY, MACS),
        "depth": LAYERS,
    }
    return TabularConfig(**{**settings, **changes})


@pytest.fixture(scope="session")
def tables():
    """Rows, a writer, settings that fit, and quick surrogates."""
    return SimpleNamespace(
        rows=rows,
        write=write,
        config=config,
        quick=SurrogateConfig(trees=60, learning_rate=0.2, min_tau=0.3),
        accuracy=ACCURACY,
        macs=MACS,
    )

"""What measured latencies are worth on this machine, and how well they are predicted.

Sub-networks of MiniLM are measured twice, in one order and then in the reverse, each against the
yardstick. Told are how well the two passes agree (Kendall's τ; the ceiling of all predictions), the
same for the bare clock, whether the standard errors are honest, and how well MACs, the roofline and
both predictors rank the networks, the latter in cross validation. The value is the τ of
``latency_table`` as a share of the ceiling.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import report
from step_ratio import super_network

from instatune.engine.example import stretched
from instatune.interfaces import Measurement
from instatune.metrics.statistics import Z95, kendall
from instatune_plugins.objectives import MacsConfig, RooflineConfig
from instatune_plugins.objectives.latency import Latency
from instatune_plugins.objectives.latency_config import (
    LatencyConfig,
    LatencyMlpConfig,
    LatencyTableConfig,
)
from instatune_plugins.objectives.latency_mlp import LatencyMlp
from instatune_plugins.objectives.latency_table import LatencyTable
from instatune_plugins.objectives.macs import Macs
from instatune_plugins.objectives.roofline import Roofline

GOAL = 0.9


class Bench:
    """MiniLM with random heads and widths in front of random words."""

    def __init__(self) -> None:
        self.supernet = super_network()
        self.supernet.model.eval()
        self.space, self.anatomy = self.supernet.space, self.supernet.anatomy
        self.kept: dict[str, Measurement] = {}

    def extracted(self, architecture):
        return self.supernet.extract(architecture).eval()

    def forward(self, model, batch):
        return self.supernet.forward(model, batch)

    def example(self, size, length):
        import torch

        words = torch.randint(1000, 30000, (size, 16), generator=torch.Generator().manual_seed(0))
        return stretched({"input_ids": words, "attention_mask": torch.ones_like(words)}, length)

    def once(self, name, measure):
        if name not in self.kept:
            self.kept[name] = measure()
        return self.kept[name]


class Watched(Latency):
    """Keeps what the bare clock showed."""

    def __init__(self, config) -> None:
        super().__init__(config)
        self.clock: list[float] = []

    def _timed(self, runs):
        found = super()._timed(runs)
        if "own" in found:
            self.clock.append(found["own"].median)
        return found


def measured(bench, config, networks):
    """Values, errors and medians of the bare clock, ``[networks]`` each."""
    objective, found = Watched(config), []
    objective.measure(networks, bench, found.append)
    values, errors = ([getattr(m, name) for m in found] for name in ("value", "std"))
    return np.array(values), np.array(errors), np.array(objective.clock)


def predicted(bench, networks, passes, folder):
    """Notes and correlations of both predictors."""
    path = Path(folder) / "samples.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        names = [gene.name for gene in bench.space.genes]
        table.writerow([*names, "latency"])
        for values in passes:
            for network, value in zip(networks, values, strict=True):
                table.writerow([*(network.get(name) for name in names), value])
    genotypes = bench.space.encode(networks)
    notes = {}
    for name, kind, config in (
        ("latency_table", LatencyTable, LatencyTableConfig),
        ("latency_mlp", LatencyMlp, LatencyMlpConfig),
    ):
        objective = kind(config(samples=(str(path),), min_tau=-1.0))
        objective.exact(bench.space, bench.anatomy, genotypes)
        notes[name] = objective.note
    return notes


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    bench = Bench()
    config = LatencyConfig(batch=options.batch, tokens=options.tokens, repeats=options.repeats)
    drawn = bench.space.sample(np.random.default_rng(0), 2 * options.networks)
    networks = list(dict.fromkeys(bench.space.decode(drawn)))[: options.networks]
    first, first_error, first_clock = measured(bench, config, networks)
    turned = measured(bench, config, networks[::-1])
    second, second_error, second_clock = (values[::-1] for values in turned)
    genotypes = bench.space.encode(networks)
    ceiling = kendall(first, second)
    exact = {
        "macs": Macs(MacsConfig(tokens=options.tokens)),
        "roofline": Roofline(RooflineConfig(tokens=options.tokens, batch=options.batch)),
    }
    with tempfile.TemporaryDirectory() as folder:
        notes = predicted(bench, networks, (first, second), folder)
    mean = (first + second) / 2
    details = {
        "settings": {name: getattr(options, name) for name in ("networks", "batch", "tokens")},
        "seconds": [round(float(v), 6) for v in (mean.min(), np.median(mean), mean.max())],
        "tau_of_two_passes": round(ceiling, 3),
        "tau_of_two_passes_by_the_bare_clock": round(kendall(first_clock, second_clock), 3),
        "median_change_between_passes": round(float(np.median(np.abs(second / first - 1))), 4),
        "the_same_by_the_bare_clock": round(
            float(np.median(np.abs(second_clock / first_clock - 1))), 4
        ),
        "share_of_changes_within_95_percent": round(
            float(np.mean(np.abs(second - first) <= Z95 * np.hypot(first_error, second_error))), 3
        ),
        "relative_error": round(float(np.median(first_error / first)), 4),
        "tau_with_mean": {
            name: round(kendall(objective.exact(bench.space, bench.anatomy, genotypes), mean), 3)
            for name, objective in exact.items()
        },
        **notes,
    }
    for name, value in details.items():
        print(f"{name}: {value}")
    share = float(notes["latency_table"].split("τ ")[1].split()[0]) / ceiling
    ok = share >= GOAL
    report("latency", round(share, 3), GOAL, "of the ceiling", ok, details, save=options.save)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

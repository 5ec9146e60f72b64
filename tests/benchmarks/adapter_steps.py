"""What elasticity costs in time and memory, for a model of every adapter.

Time: an elastic training step against its parts on static modules, as :mod:`racing` says; at most
1.10. Memory: the most that tensors take during an elastic step (:mod:`peak_memory`) against a step
of plain fine-tuning of the same model and batch; at most 1.15. Both are ratios of measurements in
one process with one thread, on random models and made-up batches; time is that of the processor.
The value is the worst of the median ratios of time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch
from contenders import CONTENDERS, Contender
from harness import report
from peak_memory import rise, standing
from racing import Race, milliseconds, quartiles, ratios
from torch.nn import functional

from instatune.errors import PluginError
from instatune.plugin.manager import Plugins, discover
from instatune.space import Architecture

TIME_GOAL, MEMORY_GOAL, ARCHITECTURES = 1.10, 1.15, 4


@attrs.frozen(kw_only=True)
class Cost:
    """What was measured of one model.

    Attributes:
        time: Median ratio.
        memory: Largest ratio over sub-networks.
        details: More numbers.
    """

    time: float
    memory: float
    details: dict[str, Any]


def race_of(contender: Contender, plugins: Plugins, folder: Path) -> Race:
    """Write a checkpoint and make the race."""
    contender.write(folder)
    batch = dict(contender.batch())
    labels = batch.pop("labels").flatten()

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits.flatten(0, -2), labels)

    # With one thread the time of the processor is that of an idle machine, whatever else runs.
    return Race(
        lambda: contender.super_network(plugins, folder), batch, loss, clock=time.process_time
    )


def cost_of(race: Race, repeats: int) -> Cost:
    """Measure time first, memory after: then optimisers have their states."""
    genotypes = race.elastic.space.sample(np.random.default_rng(0), ARCHITECTURES)
    architectures = race.elastic.space.decode(genotypes)
    pairs = [pair for one in architectures for pair in race.pairs(one, repeats)]
    found = ratios(pairs)
    memory, plain = memory_of(race, architectures)
    return Cost(
        time=statistics.median(found),
        memory=memory,
        details={
            **milliseconds(pairs),
            "quartiles": quartiles(found),
            "plain_mib": round(plain / 2**20, 1),
            "parameters": sum(p.numel() for p in race.elastic.model.parameters()),
        },
    )


def memory_of(race: Race, architectures: Sequence[Architecture]) -> tuple[float, int]:
    """Largest ratio of peaks, and the bytes of plain fine-tuning."""
    for optimiser in race.optimisers.values():
        optimiser.zero_grad()
    before = {net: standing(net.model, o) for net, o in race.optimisers.items()}
    plain = before[race.static] + rise(race.plain_step)
    peaks = []
    for architecture in architectures:
        race.optimisers[race.elastic].zero_grad()
        peaks.append(before[race.elastic] + rise(lambda a=architecture: race.elastic_step(a)))
    return max(peaks) / plain, plain


def measured(wanted: Sequence[str], repeats: int) -> dict[str, Cost]:
    """Costs by contender; what cannot run is told and left out."""
    plugins, costs = discover(), {}
    for contender in CONTENDERS:
        if wanted and contender.adapter not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                race = race_of(contender, plugins, Path(folder))
            except PluginError as error:
                print(f"{contender.name:24} skipped: {str(error).splitlines()[0]}", flush=True)
                continue
            cost = cost_of(race, repeats)
        costs[contender.name] = cost
        print(
            f"{contender.name:24} time {cost.time:.3f} {cost.details['quartiles']}"
            f"  memory {cost.memory:.3f}  step {cost.details['elastic_ms']:.0f} ms",
            flush=True,
        )
    return costs


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repeats per sub-network")
    parser.add_argument("--adapter", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    costs = measured(options.adapter, options.runs)
    if not costs:
        raise SystemExit("adapter_steps: no adapter could be measured; see the reasons above")
    value = max(cost.time for cost in costs.values())
    ok = value <= TIME_GOAL and all(cost.memory <= MEMORY_GOAL for cost in costs.values())
    details = {
        "models": {name: attrs.asdict(cost) for name, cost in costs.items()},
        "memory_goal": MEMORY_GOAL,
        "architectures": ARCHITECTURES,
        "repeats": options.runs,
        "threads": torch.get_num_threads(),
    }
    report("adapter_steps", round(value, 4), TIME_GOAL, "x", ok, details, save=options.save)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

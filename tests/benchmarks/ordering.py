"""Which order of heads and neurons leaves the best network of half the MACs?

    make bench NAME=ordering

For each ordering and seed: fine-tune the model (once per seed), sort it, tune the full network and
the one that keeps the first half of all heads and neurons for a short while, and score the latter
on the test split. MiniLM on SST-2 and DeiT-tiny on CIFAR-10, where half of the MACs are two of
three heads and 296 of 768 neurons. All orderings get the same steps from the same teacher.

The value is what ``taylor`` gains over ``none``, the plain prefix of InstaTune, in points of
accuracy, on the model where it gains less. About two hours per seed on two cores; an interrupted
run goes on. ``--quick`` shows in minutes that it works; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from harness import report
from variants import DATA, RUNS, example, prepare, spread, table, variant

GOAL = 1.0
ORDERINGS = ("none", "l1", "l2", "taylor", "activation", "movement", "sensitivity")
HALVES = {
    "02_bert_sst2": {"heads": [6, 12], "ffn": [768, 1536]},
    "04_deit_cifar10": {"heads": [2, 3], "ffn": [296, 768]},
}
SHOWN = ("accuracy", "untuned_on_search_split", "full")
QUICK = {"max_steps": 4, "epochs": 1, "batch_size": 8}


def main() -> None:
    """Run or resume everything, print the table and the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with sst2/, cifar10/ ...")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run folders go")
    parser.add_argument("--model", choices=HALVES, action="append", help="only this example")
    parser.add_argument("--only", choices=ORDERINGS, nargs="+", help="`none` and these orderings")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="steps of tuning after sorting")
    parser.add_argument("--batch", type=int, help="examples in a step of tuning")
    parser.add_argument("--train", type=int, help="examples to teach (one epoch) and tune with")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything")
    options = parser.parse_args()
    models, seeds = options.model or list(HALVES), range(1 if options.quick else options.seeds)
    found = {model: [_scores(model, seed, options) for seed in seeds] for model in models}
    for model, scores in found.items():
        print(f"\n{model}, accuracy of the half network on the test split\n\n{_table(scores)}\n")
    if options.only and "taylor" not in options.only:
        return
    gains = {model: _gain(scores, "taylor") for model, scores in found.items()}
    value = round(min(gains.values()), 2)
    settings = {key: getattr(options, key) for key in ("steps", "batch", "train", "seeds")}
    details = {"accuracies": found, "gains_of_taylor": gains, **settings}
    whole = not options.quick and not options.only and len(models) == len(HALVES)
    report("ordering", value, GOAL, "points", value >= GOAL, details, save=whole)


def _scores(model: str, seed: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """What came of each ordering, in per cent."""
    spec = _spec(model, seed, options)
    place = options.runs / ("ordering-quick" if options.quick else "ordering") / f"{model}-{seed}"
    base = prepare(spec, place / "base", "elastic")
    scores = {}
    chosen = ORDERINGS if options.only is None else ("none", *options.only)
    for by in dict.fromkeys(chosen):
        summary = variant({**spec, "order": {**spec["order"], "by": by}}, base, place / by)
        scores[by] = _half(summary)
        print(f"{model}, seed {seed}, {by}: {scores[by]}", flush=True)
    return scores


def _spec(model: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    spec = example(model, options.data)
    spec = {
        **spec,
        "seed": seed,
        "space": HALVES[model],
        "order": {"by": "none", "batches": 32},
        "tune": {
            **spec["tune"],
            "start": "teacher",
            "max_steps": options.steps,
            # The full network and the half one, nothing else.
            "sampler": {"name": "sandwich", "n_random": 0},
            "curve_points": 1,
        },
        "search": {**spec["search"], "strategy": "random", "predictor": None, "evaluations": 1},
        "objectives": ["accuracy", "macs"],
    }
    if options.batch:
        spec["tune"]["batch_size"] = options.batch
    if options.train:
        spec["task"] = {**spec["task"], "max_train": options.train}
        spec["teach"] = {**spec["teach"], "epochs": 1}
    if options.quick:
        spec["task"] = {**spec["task"], "max_train": 100, "search_examples": 40}
        spec["teach"] = {**spec["teach"], **QUICK}
        spec["tune"] = {**spec["tune"], **QUICK}
        spec["order"] = {**spec["order"], "batches": 2}
    return spec


def _half(summary: Any) -> dict[str, float]:
    """Accuracy of the half network after and before tuning, its MACs, and the full model."""
    rows = {row.role: row for row in summary.baselines}
    start = next(p for p in summary.curves if p.stage == "tune" and p.series == "smallest")
    return {
        "accuracy": _percent(rows["smallest"].test["accuracy"].value),
        "untuned_on_search_split": _percent(start.value),
        "full": _percent(rows["largest"].test["accuracy"].value),
        "teacher": _percent(rows["plain"].test["accuracy"].value),
        "macs": _percent(
            rows["smallest"].search["macs"].value / rows["largest"].search["macs"].value
        ),
    }


def _table(scores: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    rows = []
    for by in scores[0]:
        of = {key: [seed[by][key] for seed in scores] for key in scores[0][by]}
        gain = f"{_gain(scores, by):+.2f}"
        rows.append([by, *(spread(of[key]) for key in SHOWN), gain])
    macs = scores[0]["none"]["macs"]
    return table(
        ["ordering", f"at {macs:.1f} % MACs", "before tuning", "full network", "against none"], rows
    )


def _gain(scores: Sequence[Mapping[str, Mapping[str, float]]], by: str) -> float:
    """Mean difference to the plain prefix, seed by seed."""
    return round(mean(seed[by]["accuracy"] - seed["none"]["accuracy"] for seed in scores), 2)


def _percent(share: float) -> float:
    return round(100 * share, 2)


if __name__ == "__main__":
    main()

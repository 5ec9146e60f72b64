"""What strategies cost by themselves: at most 0.05 s of one core per evaluation, population 50.

Each strategy searches the space of BERT-base in the paper (25 genes: depth, heads and FFN width of
12 layers) for 250 evaluations whose results cost nothing, with its own settings and, where it needs
one, the predictor that it is usually given. What is measured is processor time in ask and tell; the
first search of each pays for imports and is left out. The value of the result is the slowest
strategy's median over the seeds.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # one core is what the goal is about

import argparse
import importlib
import statistics
import sys
import time
from functools import partial

import attrs
import numpy as np
from harness import report
from linas_inner_loop import bert_problem, measured

from instatune.interfaces import Predictor, Problem
from instatune.plugin.entries import StrategyEntry
from instatune.plugin.requirements import missing_requirements
from instatune_plugins.predictors import BestOfConfig, GpConfig
from instatune_plugins.predictors.best_of import BestOf
from instatune_plugins.predictors.gp import Gp
from instatune_plugins.strategies import instatune_strategies

GOAL_S = 0.05
BUDGET = 250


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="searches per strategy")
    parser.add_argument("--only", nargs="*", default=[], help="names of strategies")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    entries = [
        entry
        for entry in instatune_strategies()
        if not missing_requirements(entry) and (not options.only or entry.name in options.only)
    ]
    medians: dict[str, float] = {}
    for entry in entries:
        one_search(entry, seed=0, budget=60)
        seconds = [one_search(entry, seed, BUDGET) for seed in range(options.seeds)]
        medians[entry.name] = round(statistics.median(seconds), 5)
        print(
            f"{entry.name}: median {1000 * medians[entry.name]:.2f} ms per evaluation", flush=True
        )
    slowest = max(medians.values())
    details = {"median_s": medians, "budget": BUDGET, "seeds": options.seeds}
    ok = slowest <= GOAL_S
    report("search_overhead", slowest, GOAL_S, "s/evaluation", ok, details, options.save)
    sys.exit(0 if ok else 1)


def one_search(entry: StrategyEntry, seed: int, budget: int) -> float:
    """Processor time per distinct evaluation."""
    module, name = entry.target.split(":")
    problem = problem_for(entry, budget)
    spent, seen = 0.0, 0
    begin = time.process_time()
    strategy = getattr(importlib.import_module(module), name)(
        entry.config() if entry.config else None, problem, np.random.default_rng(seed)
    )
    spent += time.process_time() - begin
    while seen < budget:
        begin = time.process_time()
        asked = strategy.ask(budget - seen)
        spent += time.process_time() - begin
        if not asked:
            break
        evaluations = measured(problem, problem.space.encode(list(asked)))
        begin = time.process_time()
        strategy.tell(evaluations)
        spent += time.process_time() - begin
        seen += len(asked)
    if seen != budget:
        raise SystemExit(f"{entry.name}: {seen} of {budget} evaluations")
    return spent / seen


def problem_for(entry: StrategyEntry, budget: int) -> Problem:
    """Accuracy against MACs, or accuracy alone."""
    maker: partial[Predictor] = (
        partial(Gp, GpConfig()) if entry.needs_std else partial(BestOf, BestOfConfig())
    )
    problem = bert_problem(maker)
    aims = problem.aims[: entry.max_objectives]
    return attrs.evolve(problem, budget=budget, aims=aims)


if __name__ == "__main__":
    main()

"""How long a comparison takes: 5 strategies, 10 seeds, 250 evaluations on a table, below 5 minutes.

The networks of ``tabulated_digits`` cost nothing to measure, so what is timed is the strategies,
the store and the records. The comparison runs twice: in a fresh folder with two worker processes,
and again, when all cells are finished, for the time of opening and reporting alone.
"""

# ruff: noqa: E402 - the number of threads is set before numpy is imported
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # workers compute with one thread each, and so does the main process

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import report

from instatune.engine.compare.run import compare

GOAL_S = 300.0
STRATEGIES: list[Any] = [
    "random",
    "nsga2",
    {"name": "nsga2", "label": "nsga2, small", "population": 20},
    {"name": "linas", "label": "LINAS, ridge", "predictor": "ridge"},
    {"name": "linas", "label": "LINAS, best_of"},
]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=250)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--benchmark", default="tabulated_digits")
    parser.add_argument("--plugin", help="file with another benchmark")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        document = {
            "compare": 1,
            "name": "compare_time",
            "run_dir": str(Path(folder) / "out"),
            "benchmark": options.benchmark,
            "strategies": STRATEGIES,
            "seeds": options.seeds,
            "evaluations": options.evaluations,
            "workers": options.workers,
            "plugins": {"files": [options.plugin] if options.plugin else []},
        }
        seconds, found = _timed(document)
        again, _ = _timed(document)
    cells = len(STRATEGIES) * options.seeds
    own = sum(trial.own_seconds for trial in found.trials)
    rest = options.workers * (seconds - again) - own
    details = {
        "seconds": seconds,
        "seconds_of_reporting": again,
        "seconds_of_strategies": own,
        "seconds_of_core_per_evaluation": rest / (cells * options.evaluations),
        "cells": cells,
        "evaluations": options.evaluations,
        "workers": options.workers,
    }
    ok = seconds < GOAL_S and not found.failures
    print(details, file=sys.stderr)
    report("compare_time", round(seconds, 1), GOAL_S, "s", ok, details, options.save)
    return 0 if ok else 1


def _timed(document: dict[str, Any]) -> tuple[float, Any]:
    started = time.monotonic()
    found = compare(document)
    return time.monotonic() - started, found


if __name__ == "__main__":
    sys.exit(main())

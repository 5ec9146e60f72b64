"""How long the light commands take: ``--help`` below 0.3 s, ``check`` below 0.6 s, never torch.

Wall time of fresh processes, the two commands in turn, median. The value of the result is the time
of ``check``; it is ok only if both goals are reached and neither command imports torch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import ROOT, report

EXAMPLE = ROOT / "examples" / "01_bert_docs" / "spec.yaml"
GOALS_S = {"help": 0.3, "check": 0.6}
HEAVY = ("torch", "transformers", "sklearn", "pymoo", "scipy", "matplotlib", "accelerate")
STAND_IN = """\
spec: 1
name: startup
model: {adapter: bert, checkpoint: some/model}
task: python_docs
space: {depth: [3, 6], heads: [6, 12]}
search: {strategy: random}
"""
LOOK = """\
import sys
from instatune.cli.main import main
code = main(sys.argv[1:])
print("modules:", *(name for name in {heavy} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="processes per command, at least 7")
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spec = EXAMPLE if EXAMPLE.exists() else Path(folder) / "spec.yaml"
        if spec != EXAMPLE:
            spec.write_text(STAND_IN, encoding="utf-8")
        commands = {"help": ["--help"], "check": ["check", str(spec)]}
        heavy = {name: imported(words) for name, words in commands.items()}
        before = os.times()
        times = measure(commands, max(7, options.runs))
        after = os.times()
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(
            f"{name}: median {seconds:.3f} s, goal {GOALS_S[name]} s; heavy imports {heavy[name]}"
        )
    pair = _used(before, after) / len(times["check"])
    print(f"processor time of both together: {pair:.3f} s")
    ok = all(medians[name] < goal for name, goal in GOALS_S.items()) and not any(heavy.values())
    report(
        "startup",
        round(medians["check"], 3),
        GOALS_S["check"],
        "s",
        ok,
        details={
            "spec": spec.name if spec != EXAMPLE else "examples/01_bert_docs/spec.yaml",
            "median_s": medians,
            "goals_s": GOALS_S,
            "times_s": times,
            "processor_s_per_pair": round(pair, 3),
            "heavy": heavy,
        },
        save=options.save,
    )
    sys.exit(0 if ok else 1)


def measure(commands: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """Wall time of fresh processes; the commands take turns, so that both see the same load."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, words in commands.items():
            started = time.perf_counter()
            _run([sys.executable, "-m", "instatune", *words])
            times[name].append(round(time.perf_counter() - started, 4))
    return times


def imported(words: list[str]) -> list[str]:
    """Heavy packages that a command imports."""
    done = _run([sys.executable, "-c", LOOK.format(heavy=HEAVY), *words])
    last = done.stderr.strip().splitlines()[-1]
    return last.removeprefix("modules:").split()


def _used(before: os.times_result, after: os.times_result) -> float:
    """Processor time of the processes in between; wall time beyond it is the machine's load."""
    return sum(after[2:4]) - sum(before[2:4])


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done


if __name__ == "__main__":
    main()

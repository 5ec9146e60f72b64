"""Run every example at smoke size, through the command line, as a continuous build does.

    python tests/end_to_end/smoke.py [EXAMPLE ...]

Training is cut to a few steps: nothing is learned, but every stage of every example runs.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = (
    "task.max_train=160",
    "teach.max_steps=3",
    "tune.max_steps=3",
    "tune.curve_points=1",
    "order.batches=2",
    "search.evaluations=8",
    "search.examples=32",
    "search.baselines=false",
    "search.export_limit=2",
)


def reviews(folder: Path) -> list[str]:
    """Stand-ins for the files of SST-2, which do not ship with the project."""
    rows = [("a warm and funny film", 1), ("a dull and lifeless mess", 0)]
    text = "".join(f"{phrase} number {i}\t{label}\n" for i in range(100) for phrase, label in rows)
    for name in ("train", "dev"):
        with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.write("sentence\tlabel\n" + text.replace("number", name))
    return [
        f"task.train={folder / 'train.tsv.gz'}",
        f"task.test={folder / 'dev.tsv.gz'}",
        "task.search_examples=40",
    ]


EXTRA = {"02_bert_sst2": reviews}


def run(example: Path, folder: Path) -> None:
    """Run one example; its output is shown only if it fails."""
    name = example.parent.name
    started = time.monotonic()
    extra = EXTRA[name](folder) if name in EXTRA else []
    command = [sys.executable, "-m", "instatune", "run", str(example)]
    for override in (*SMALL, *extra, f"run_dir={folder / 'run'}"):
        command += ["--set", override]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name} failed with exit code {done.returncode}\n{done.stdout}{done.stderr}")
    report = folder / "run" / "report" / "index.html"
    if not report.exists():
        sys.exit(f"{name} wrote no report")
    print(f"{name}: ran in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Run the named examples, or all."""
    wanted = sys.argv[1:]
    for example in sorted((ROOT / "examples").glob("*/spec.yaml")):
        if not wanted or example.parent.name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                run(example, Path(folder))


if __name__ == "__main__":
    main()

"""What all benchmarks share: the line of JSON at the end, and the file with the details.

Benchmarks are scripts, ``python tests/benchmarks/NAME.py``, so they find this module beside them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).resolve().parent / "results"


def report(
    name: str,
    value: float,
    goal: float,
    unit: str,
    ok: bool,
    details: Mapping[str, Any] | None = None,
    save: bool = False,
) -> None:
    """Print the result of a benchmark as one line of JSON, the last of its output.

    Args:
        name: Of the benchmark, and of its file.
        value: What was measured.
        goal: What it is to reach.
        unit: Of both.
        ok: Whether the goal is reached.
        details: More measurements; written to the file only.
        save: Also write ``results/NAME.json``, which is committed.
    """
    line = {
        "name": name,
        "value": value,
        "goal": goal,
        "unit": unit,
        "ok": bool(ok),
        "commit": commit(),
    }
    if save:
        from instatune.files import write_json

        write_json(
            RESULTS / f"{name}.json",
            {**line, "machine": machine(), "details": dict(details or {})},
        )
    print(json.dumps(line), flush=True)


def commit() -> str:
    """Short hash of what is checked out."""
    try:
        return _git("rev-parse", "--short", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()

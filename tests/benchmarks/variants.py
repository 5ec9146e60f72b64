"""Runs that share a teacher: what benchmarks that compare settings of the tuning stand on.

A run is taken as far as its teacher goes, and copied for each setting; whatever was finished before
is skipped, so a benchmark that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import ROOT

DATA = ROOT.parent / "shared" / "data"
RUNS = ROOT / "runs" / "benchmarks"
_EXAMPLE_DATA = "../shared/data"  # where the specs of the examples expect data


def example(name: str, data: Path) -> dict[str, Any]:
    """Spec of an example that reports and exports nothing, with its data elsewhere.

    Raises:
        SystemExit: The data are not there.
    """
    from instatune.spec.loader import read

    document = read(ROOT / "examples" / name / "spec.yaml")
    spec: dict[str, Any] = _moved(dict(document.data), str(data))
    for path in (spec["task"].get("train"), spec["task"].get("test")):
        if path is not None and not Path(path).exists():
            raise SystemExit(f"{path} is not there; say with --data where the data folder is")
    search = {**spec["search"], "export_limit": 1}
    return {**spec, "reporters": [], "exporters": [], "search": search}


def _moved(value: Any, data: str) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, data) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_EXAMPLE_DATA):
        return data + value.removeprefix(_EXAMPLE_DATA)
    return value


def prepare(spec: Mapping[str, Any], folder: Path, until: str) -> Path:
    """Run a spec in a folder up to a stage."""
    from instatune.engine.run import run_plan
    from instatune.spec.resolve import prepare as resolve

    made, plugins = resolve({**spec, "run_dir": str(folder)})
    run_plan(made, plugins, stop_after=until)
    return folder


def variant(spec: Mapping[str, Any], base: Path, folder: Path) -> Any:
    """Run a spec to its end from where ``base`` stands; gives the summary."""
    import instatune

    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        # Weights are replaced, never written to, so that they can be shared; the log is not.
        logs = shutil.ignore_patterns("events.jsonl", "*.sqlite*", "lock")
        shutil.copytree(base, part, copy_function=_linked, ignore=logs)
        part.rename(folder)
    return instatune.run({**spec, "run_dir": str(folder)}).summary


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean, and standard deviation where there are several values."""
    from statistics import mean, stdev

    text = f"{mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {stdev(values):.{digits}f}"

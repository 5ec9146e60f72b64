"""The environment of a run: versions and machine, written down with the results."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

_PACKAGES = ("instatune", "torch", "transformers", "accelerate", "numpy", "pymoo", "scikit-learn")


def environment() -> dict[str, str]:
    """Versions of what computes, and of the machine, as text."""
    facts = {name: _version(name) for name in _PACKAGES}
    facts["python"] = platform.python_version()
    facts["system"] = f"{platform.system()} {platform.machine()}"
    facts["processor"] = _processor()
    facts["cores"] = f"{os.cpu_count()} (torch uses {torch.get_num_threads()} threads)"
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"

"""The environment of a run: versions and machine, written down with the results."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("instatune", "torch", "transformers", "accelerate", "numpy", "pymoo", "scikit-learn")


def environment() -> dict[str, str]:
    """Versions of what computes, and of the machine, as text."""
    import torch

    facts = machine(_PACKAGES)
    facts["cores"] = f"{os.cpu_count()} (torch uses {torch.get_num_threads()} threads)"
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Versions of some packages, and the machine, as text; imports none of them."""
    facts = {name: _version(name) for name in packages}
    facts["python"] = platform.python_version()
    facts["system"] = f"{platform.system()} {platform.machine()}"
    facts["processor"] = _processor()
    facts["cores"] = str(os.cpu_count())
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

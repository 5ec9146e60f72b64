"""Fine-tune a transformer once, get the whole Pareto front of smaller ones.

The names below are imported on first use, so that ``import instatune`` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instatune.engine.compare.run import compare
    from instatune.engine.run import Run, run
    from instatune.supernet.subnet import load

__version__ = "0.1.0.dev0"
__all__ = ["Run", "__version__", "compare", "load", "run"]

_HOMES = {
    "Run": "instatune.engine.run",
    "compare": "instatune.engine.compare.run",
    "run": "instatune.engine.run",
    "load": "instatune.supernet.subnet",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'instatune' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

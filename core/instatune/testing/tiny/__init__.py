"""A real transformer that is tiny, with its adapter, task and bench. Needs torch.

Everything is exact and deterministic, so contracts can compare numbers.
"""

from __future__ import annotations

from instatune.testing.tiny.adapter import TinyAdapter, plugins, write_checkpoint
from instatune.testing.tiny.bench import TinyBench
from instatune.testing.tiny.networks import network, supernet
from instatune.testing.tiny.task import TinyTask, batches
from instatune.testing.tiny.transformer import TinyLayer, TinyTransformer, fill, model

__all__ = [
    "TinyAdapter",
    "TinyBench",
    "TinyLayer",
    "TinyTask",
    "TinyTransformer",
    "batches",
    "fill",
    "model",
    "network",
    "plugins",
    "supernet",
    "write_checkpoint",
]

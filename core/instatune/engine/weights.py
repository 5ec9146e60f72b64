"""Weights on disk: safetensors, atomically, and their digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors.torch import save_model
from torch import nn

from instatune.files import replacing


def save_weights(model: nn.Module, path: Path) -> Path:
    """Write the parameters and buffers of a model; tied tensors once."""
    with replacing(path) as temporary:
        save_model(model, str(temporary))
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file, sixteen hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()[:16]

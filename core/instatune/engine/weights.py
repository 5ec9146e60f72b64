"""Weights on disk: safetensors, atomically, and their digest."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_model
from torch import nn

from instatune.files import replacing


@contextmanager
def replacing_tensors(path: Path) -> Iterator[Path]:
    """As :func:`replacing`, for what safetensors writes: its errors hide those of the system."""
    with replacing(path) as temporary:
        try:
            yield temporary
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error


def save_weights(model: nn.Module, path: Path) -> Path:
    """Write the parameters and buffers of a model; tied tensors once."""
    with replacing_tensors(path) as temporary:
        save_model(model, str(temporary))
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file, sixteen hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()[:16]

"""From the bytes of an image file to an image of the mode that a model wants.

Images of other modes are converted: grey ones become coloured and the other way round, transparent
parts become white, 16-bit values are cut to 8 bits, and photographs are turned as their EXIF says.
"""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from instatune.errors import DataError

_MODES = {1: "L", 3: "RGB"}
# What Pillow raises for files that are cut, empty, something else, or bombs.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


def mode_of(channels: int) -> str:
    """Mode of Pillow for a number of channels.

    Raises:
        DataError: Neither 1 nor 3.
    """
    if channels not in _MODES:
        raise DataError(
            f"the model takes images of {channels} channels; images here have 1 (grey) or 3 (RGB)"
        )
    return _MODES[channels]


def decode(image: bytes | str, name: str, mode: str) -> Image.Image:
    """Decode an image completely.

    Args:
        image: Contents of an image file, or its path.
        name: Where it is from, for messages.
        mode: ``"L"`` or ``"RGB"``.

    Raises:
        DataError: It cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            opened.load()
            return _converted(ImageOps.exif_transpose(opened), mode)
    except _BROKEN as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{name}: damaged, or no image ({reason}); copy it again, or leave it out"
        ) from error


def digest(image: bytes | str, name: str) -> str:
    """SHA-256 of the contents of an image file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        contents = image if isinstance(image, bytes) else Path(image).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}); check the file") from error
    return hashlib.sha256(contents).hexdigest()


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16; convert() would cut at 255
        values: np.ndarray[Any, Any] = np.asarray(image, dtype=np.int64)
        image = Image.fromarray((values // 256).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image if image.mode == mode else image.convert(mode)

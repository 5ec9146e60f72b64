"""Preparing images as the model was trained to see them, with timm's transforms; augmentation.

All randomness follows from torch's global generator, which the training loop seeds before each
step, so that a training that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from timm.data import create_transform
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError

Transform: TypeAlias = Callable[[Image.Image], Tensor]

SHIFT = 8
"""Light augmentation shifts by up to one part in this many of the side."""
_DEIT = {"auto_augment": "rand-m9-mstd0.5-inc1", "re_prob": 0.25, "re_mode": "pixel"}


def evaluation(processor: Mapping[str, Any], crop: float | None) -> Transform:
    """Resize, cut out the middle, normalise: ``[channels, height, width]``, no randomness.

    Args:
        processor: Data configuration of timm, as the adapter gives it.
        crop: Share of the side to keep; None for the model's own.
    """
    settings = dict(processor)
    if crop is not None:
        settings["crop_pct"] = crop
    made: Transform = create_transform(**settings, is_training=False)
    return made


def training(processor: Mapping[str, Any], *, mirror: bool) -> Transform:
    """Augment as DeiT does (Touvron et al., ICML 2021), but for mixing of images.

    Raises:
        DataError: Images are grey; RandAugment works on colours.
    """
    if processor["input_size"][0] != 3:
        raise DataError("task.augment: 'timm' needs a model for colour images; use light, or none")
    kept = ("input_size", "interpolation", "mean", "std")
    settings = {name: processor[name] for name in kept}
    flip = 0.5 if mirror else 0.0
    made: Transform = create_transform(**settings, **_DEIT, hflip=flip, is_training=True)
    return made


def shifted(images: Tensor, *, mirror: bool) -> Tensor:
    """Shift each image by up to an eighth of its side, its border mirrored in, and mirror half.

    Args:
        images: ``[examples, channels, height, width]``.
        mirror: Whether to mirror.

    Returns:
        Of the same shape.
    """
    count, _, height, width = images.shape
    pad = max(1, height // SHIFT), max(1, width // SHIFT)
    wide = functional.pad(images, (pad[1], pad[1], pad[0], pad[0]), mode="reflect")
    tops = torch.randint(0, 2 * pad[0] + 1, (count,)).tolist()
    lefts = torch.randint(0, 2 * pad[1] + 1, (count,)).tolist()
    moved = torch.stack(
        [
            image[:, top : top + height, left : left + width]
            for image, top, left in zip(wide, tops, lefts, strict=True)
        ]
    )
    if not mirror:
        return moved
    turned = torch.rand(count) < 0.5
    return torch.where(turned[:, None, None, None], moved.flip(-1), moved)


@contextmanager
def following_torch() -> Iterator[None]:
    """Seed the global generators of random and numpy by torch's, until the context ends."""
    before = random.getstate(), np.random.get_state()
    seed = int(torch.randint(2**31, ()))
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])

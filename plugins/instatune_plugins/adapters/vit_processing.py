"""How images are prepared for a model: the data configuration of timm, a plain mapping.

Keys: ``input_size`` (channels, height, width), ``interpolation``, ``mean``, ``std``, ``crop_pct``,
``crop_mode``. ``timm.data.create_transform`` takes them as they are. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # numbers of Pillow


def from_transformers(config: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Translate ``preprocessor_config.json``.

    Args:
        config: ``config.json`` of the model, which decides the size of images.
        found: ``preprocessor_config.json``; empty where there is none, then what the family was
            trained with is taken.
    """
    size = config.get("image_size", 224)
    height, width = size if isinstance(size, list | tuple) else (size, size)
    mean, std = IMAGENET if config.get("model_type") == "deit" else HALF
    # These processors resize to a square first and may then cut out its middle.
    scaled = found.get("size")
    scaled = scaled.get("height") if isinstance(scaled, Mapping) else scaled
    crops = bool(found.get("do_center_crop")) and isinstance(scaled, int) and scaled > height
    return {
        "input_size": (config.get("num_channels", 3), height, width),
        "interpolation": _RESAMPLE.get(found.get("resample", 2), "bilinear"),
        "mean": tuple(found.get("image_mean", mean)),
        "std": tuple(found.get("image_std", std)),
        "crop_pct": height / scaled if crops and isinstance(scaled, int) else 1.0,
        "crop_mode": "squash",
    }


def to_transformers(model_type: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the same as ``preprocessor_config.json``; reading it back gives these settings."""
    _, height, width = settings["input_size"]
    scale = settings["crop_pct"]
    names = {"vit": "ViTImageProcessor", "deit": "DeiTImageProcessor", "beit": "BeitImageProcessor"}
    numbers = {name: number for number, name in _RESAMPLE.items()}
    return {
        "image_processor_type": names[model_type],
        "do_resize": True,
        "size": {"height": round(height / scale), "width": round(width / scale)},
        "resample": numbers[settings["interpolation"]],
        "do_center_crop": scale < 1.0,
        "crop_size": {"height": height, "width": width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(settings["mean"]),
        "image_std": list(settings["std"]),
    }

"""Tiny ResNets of timm and for CIFAR, and folders with their checkpoints."""

from __future__ import annotations

import json
import types
from pathlib import Path

import pytest
import torch

SIZES = {"layers": (2, 1, 2, 1), "channels": (6, 8, 10, 12)}
MODELS = {
    "basic": ("resnet18", SIZES),
    "bottleneck": ("resnet26", SIZES),
    "deep_stem": ("resnet18d", {**SIZES, "in_chans": 1}),
    "squeezed": ("seresnet18", {**SIZES, "global_pool": "catavgmax"}),
    "efficient": ("ecaresnet50t", SIZES),
    "cifar": ("cifar_resnet14", {"width": 6}),
}
KINDS = tuple(MODELS)


def make(kind, n_outputs=3, **changes):
    """A model whose parameters and statistics are all at work."""
    import timm

    from instatune_plugins.adapters import resnet_cifar  # noqa: F401 - registers its models

    name, sizes = MODELS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(name, num_classes=n_outputs, **{**sizes, **changes})
    model.pretrained_cfg["input_size"] = (sizes.get("in_chans", 3), 32, 32)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for path, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.ndim == 1 and path.endswith(("weight", "running_var")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.ndim == 1:
                tensor.normal_(0.0, 0.3, generator=generator)
    return model.eval()


def write(kind, folder: Path, n_outputs=3, **changes) -> Path:
    """Write a checkpoint as timm does."""
    from timm.models import save_for_hf

    folder.mkdir(exist_ok=True)
    save_for_hf(make(kind, n_outputs, **changes), folder, safe_serialization=True)
    return folder


def images(kind="basic", count=3, seed=1):
    channels = MODELS[kind][1].get("in_chans", 3)
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn(count, channels, 32, 32, generator=generator)}


@pytest.fixture(scope="session")
def resnets():
    """The makers above, for tests."""
    return types.SimpleNamespace(make=make, write=write, images=images, kinds=KINDS, models=MODELS)


@pytest.fixture
def seeded():
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def edit():
    """Change the configuration of a checkpoint."""

    def change(folder, **changes):
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change

"""Folders with checkpoints of tiny vision transformers, of timm and of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

SIZES = {"embed_dim": 24, "depth": 2, "num_heads": 4, "mlp_ratio": 1.0}
TIMM = {
    "vit": ("vit_tiny_patch16_224", {}),
    "deit": ("deit_tiny_patch16_224", {"in_chans": 1}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "beit3": ("beit3_base_patch16_224", {}),
    "averaged": ("vit_tiny_patch16_224", {"global_pool": "avg", "qkv_bias": False}),
    "registers": ("vit_tiny_patch16_224", {"reg_tokens": 2, "init_values": 0.1, "qk_norm": True}),
    "gated": ("vit_giant_patch14_dinov2", {"mlp_ratio": 2.0}),
}
TRANSFORMERS = {
    "hf_vit": ("vit", {}),
    "hf_no_bias": ("vit", {"qkv_bias": False}),
    "hf_deit": ("deit", {}),
    "hf_beit": ("beit", {"use_relative_position_bias": True}),
    "hf_beit_plain": (
        "beit",
        {
            "use_absolute_position_embeddings": True,
            "use_mask_token": True,
            "layer_scale_init_value": 0.0,
            "use_mean_pooling": False,
        },
    ),
}
KINDS = (*TIMM, *TRANSFORMERS)


def fill(model, seed=0):
    """Draw all parameters so that every part of the model is at work."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.25, generator=generator)
            if parameter.ndim == 1 and name.endswith(("norm.weight", "norm1.weight", "gamma")):
                parameter.add_(1.0)
    return model.eval()


def timm_model(kind, n_outputs=3):
    import timm

    arch, changes = TIMM[kind]
    sizes = {"img_size": 16, "patch_size": 8, **SIZES, **changes}
    with torch.random.fork_rng(devices=[]):
        return fill(timm.create_model(arch, num_classes=n_outputs, **sizes))


def transformers_config(kind, n_outputs=3):
    model_type, changes = TRANSFORMERS[kind]
    sizes = {
        "model_type": model_type,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 20,
        "image_size": 16,
        "patch_size": 8,
        "num_labels": n_outputs,
    }
    return {**sizes, **changes}


def transformers_model(kind, n_outputs=3):
    import transformers

    from instatune_plugins.adapters.vit_transformers import settled

    config = transformers_config(kind, n_outputs)
    name = {"vit": "ViT", "deit": "DeiT", "beit": "Beit"}[config.pop("model_type")]
    made = getattr(transformers, f"{name}Config")(**config)
    with torch.random.fork_rng(devices=[]):
        model = fill(getattr(transformers, f"{name}ForImageClassification")(made))
    return settled(model)  # as the adapter does on loading


def make(kind, n_outputs=3):
    return timm_model(kind, n_outputs) if kind in TIMM else transformers_model(kind, n_outputs)


def write(kind, folder: Path, n_outputs=3) -> Path:
    """Write a checkpoint as its library does."""
    folder.mkdir(exist_ok=True)
    model = make(kind, n_outputs)
    if kind in TIMM:
        from timm.models import save_for_hf

        save_for_hf(model, folder, safe_serialization=True)
    else:
        model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vits():
    """The makers above, for tests."""
    import types

    return types.SimpleNamespace(make=make, write=write, kinds=KINDS, timm=TIMM, fill=fill)


@pytest.fixture
def seeded():
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def edit():
    """Change a JSON file of a checkpoint."""

    def change(folder, name="config.json", **changes):
        file = folder / name
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change

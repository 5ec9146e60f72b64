"""Folders and files with checkpoints of tiny BEiT-3s."""

from __future__ import annotations

import json
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "image_size": 16,
    "patch_size": 8,
    "vocab_size": 20,
    "max_position_embeddings": 12,
    "num_labels": 3,
}
UNKNOWN, PADDING = "<unk>", "<pad>"
WORDS = ("<s>", PADDING, "</s>", UNKNOWN, "what", "colour", "is", "it", "?")


def config(head="vqa", **changes):
    return {"model_type": "beit3", "head": head, **SIZES, **changes}


def fill(model, seed=0):
    """Draw all parameters so that every part of the model is at work."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.25, generator=generator)
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.add_(1.0)  # weights of norms
    return model.eval()


def make(head="vqa", seed=0, **changes):
    from instatune_plugins.adapters.beit3_model import build
    from instatune_plugins.adapters.beit3_sizes import from_json

    return fill(build(from_json("tiny", config(head, **changes))), seed)


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=PADDING, unk_token=UNKNOWN)


def write(folder: Path, head="vqa", **changes) -> Path:
    """A folder with a configuration, weights and a tokenizer."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(head, **changes)))
    save_file(make(head, **changes).state_dict(), folder / "model.safetensors")
    tokenizer().save_pretrained(folder)
    return folder


def batch(seed=1, text=True, channels=3, lengths=(6, 3, 8)):
    """Images, and questions of unlike lengths."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(len(lengths), channels, 16, 16, generator=generator)
    if not text:
        return {"pixel_values": images}
    ids = torch.randint(0, 20, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return {"pixel_values": images, "input_ids": ids * mask, "attention_mask": mask.long()}


@pytest.fixture(scope="session")
def beit3():
    """The makers above, for tests."""
    return types.SimpleNamespace(
        config=config, fill=fill, make=make, write=write, batch=batch, tokenizer=tokenizer
    )


@pytest.fixture
def seeded():
    return lambda seed=0: torch.Generator().manual_seed(seed)

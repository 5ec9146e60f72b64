"""Tiny random decoders of each family, and folders with their checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "max_position_embeddings": 32,
    "initializer_range": 0.3,  # a function that feels every weight
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama_biased_tied": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    "mistral": {"head_dim": 6, "sliding_window": 5},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 8, "attention_bias": True},
}
"""A model of each family, with the traits in which they differ."""


def tiny(family: str = "llama", seed: int = 0, **changes: Any) -> nn.Module:
    """A random decoder; biases and norms are not trivial either."""
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {**SIZES, **FAMILIES.get(family, {}), **changes}
    config = AutoConfig.for_model(family.partition("_")[0], **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def tokens(examples: int = 3, length: int = 9, seed: int = 0) -> dict[str, Tensor]:
    """Numbers of words, some examples padded on the right."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 50, (examples, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, length - 4 :] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


def write(folder: Path, family: str = "llama", **changes: Any) -> Path:
    """A checkpoint with a tokenizer of single characters."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tiny(family, **changes).save_pretrained(folder)
    alphabet = ["<pad>", "<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz .,"]
    made = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(alphabet)}, unk_token="<unk>")  # noqa: S106
    )
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        model_max_length=32,
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def make() -> Callable[..., nn.Module]:
    return tiny


@pytest.fixture
def batch() -> dict[str, Tensor]:
    return tokens()


@pytest.fixture
def write_checkpoint() -> Callable[..., Path]:
    return write


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return write(tmp_path / "checkpoint")

"""Checkpoints of tiny random encoders of each family, and super-networks made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from instatune.space import Gene
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.bert_families import FAMILIES

SIZES = {
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "max_position_embeddings": 20,
}
SMALL = {
    **{family.model_type: SIZES for family in FAMILIES},
    "electra": {**SIZES, "embedding_size": 10},
    "distilbert": {
        "vocab_size": 40,
        "dim": 24,
        "n_layers": 3,
        "n_heads": 4,
        "hidden_dim": 20,
        "max_position_embeddings": 20,
    },
}
MODEL_TYPES = ("bert", "roberta", "distilbert", "electra", "mpnet")  # the others are RoBERTas


def save_encoder(model_type: str, folder: Path, **changes) -> Path:
    """An encoder without a head, as a language model is published."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(model_type, **{**SMALL[model_type], **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


def shaken(model, seed=0):
    """Weights so large that every head and neuron shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator)
    return model


def free_space(anatomy):
    """Any number of layers, heads and neurons."""
    genes = [
        Gene(
            name=f"depth of {stack.name}",
            choices=tuple(range(1, stack.layers + 1)),
            effect="depth",
            targets=(stack.name,),
        )
        for stack in anatomy.stacks
    ]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(range(1, group.units + 1)),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind != "embed"
    ]
    last_first = {s.name: tuple(reversed(range(s.layers))) for s in anatomy.stacks}
    return search_space(anatomy, genes, last_first)


def batch_of(tokens=11, seed=0):
    """Three texts of unlike lengths."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([tokens, tokens // 2, 2])
    mask = (torch.arange(tokens) < lengths[:, None]).long()
    ids = torch.randint(5, 40, (3, tokens), generator=generator)
    return {"input_ids": ids * mask + (1 - mask), "attention_mask": mask}


@pytest.fixture(params=MODEL_TYPES)
def model_type(request) -> str:
    return request.param


@pytest.fixture
def checkpoint(model_type, tmp_path) -> Path:
    return save_encoder(model_type, tmp_path / "encoder")


@pytest.fixture
def save():
    return save_encoder


@pytest.fixture
def net(checkpoint) -> Supernet:
    adapter = Bert()
    model = shaken(adapter.load(str(checkpoint), 3, torch.Generator().manual_seed(0))).eval()
    anatomy = adapter.describe(model)
    return Supernet(model, anatomy, free_space(anatomy), adapter.logits)


@pytest.fixture
def batch():
    return batch_of()

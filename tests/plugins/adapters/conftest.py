"""Folders with checkpoints of tiny BERTs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on", "mats", "##s")


def tiny_config(**changes):
    from transformers import BertConfig

    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 32,
    }
    return BertConfig(**{**sizes, **changes})


@pytest.fixture
def encoder(tmp_path) -> Path:
    """An encoder without a head, with a tokenizer, as a sentence encoder is published."""
    from transformers import BertModel

    folder = tmp_path / "encoder"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(tiny_config()).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return folder


@pytest.fixture
def classifier(tmp_path) -> Path:
    """A fine-tuned classifier of three classes."""
    from transformers import BertForSequenceClassification

    folder = tmp_path / "classifier"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertForSequenceClassification(tiny_config(num_labels=3)).save_pretrained(folder)
    return folder


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def seeded():
    return generator


def module_beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def narrowing():
    """Checks of networks without neurons and of smaller hidden size: see ``narrowing.py``."""
    return module_beside("narrowing")


@pytest.fixture(scope="session")
def exactness():
    """Checks of networks of one adapter: see ``exactness.py``."""
    return module_beside("exactness").Exactness

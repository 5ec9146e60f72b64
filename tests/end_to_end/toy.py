"""A toy for the whole pipeline in seconds: a tiny random BERT and made-up sentences."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path

import numpy as np

WORDS = {
    "good": ["fine", "great", "lovely", "bright", "warm", "kind"],
    "bad": ["awful", "poor", "dull", "cold", "broken", "sad"],
    "odd": ["strange", "weird", "curious", "queer", "quirky", "offbeat"],
}
FILLERS = ["the", "a", "film", "house", "day", "was", "seems", "very", "rather", "and", "with"]


def write_checkpoint(folder: Path, *, layers: int = 3, heads: int = 4, hidden: int = 32) -> Path:
    """A random BERT encoder with a word-level tokenizer, as ``save_pretrained`` writes them."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *chain(*WORDS.values())]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",  # noqa: S106
        pad_token="[PAD]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
        mask_token="[MASK]",  # noqa: S106
        model_max_length=32,
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def write_data(folder: Path, *, train: int = 600, test: int = 60, seed: int = 0) -> Path:
    """CSV files of sentences with two words of one class, one of another; some mislabelled."""
    rng = np.random.default_rng(seed)
    for name, count in (("train", train), ("test", test)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sentence", "label"])
            for _ in range(count):
                label = str(rng.choice(list(WORDS)))
                other = str(rng.choice([name for name in WORDS if name != label]))
                words = [*rng.choice(WORDS[label], 2), rng.choice(WORDS[other])]
                sentence = " ".join(rng.permutation([*rng.choice(FILLERS, 5), *words]))
                writer.writerow([sentence, other if rng.random() < 0.05 else label])
    return folder


def spec(folder: Path, **changes: object) -> dict[str, object]:
    """A spec for the toy; sections may be replaced by keyword."""
    whole: dict[str, object] = {
        "spec": 1,
        "name": "toy",
        "run_dir": str(folder / "run"),
        "device": "cpu",
        "model": {"adapter": "bert", "checkpoint": str(folder / "checkpoint")},
        "task": {
            "name": "text_classification",
            "train": str(folder / "train.csv"),
            "test": str(folder / "test.csv"),
            "text": "sentence",
            "label": "label",
            "search_share": 0.25,
        },
        "teach": {"epochs": 8, "batch_size": 16, "lr": 1.0e-3},
        "space": {
            "depth": {"choices": [1, 2, 3], "drop": "ranked"},
            "heads": [1, 2, 4],
            "ffn": [16, 32, 64],
        },
        "order": {"by": "taylor", "batches": 4},
        "tune": {
            "start": "teacher",
            "epochs": 2,
            "batch_size": 16,
            "lr": 1.0e-3,
            "curve_points": 2,
        },
        "search": {
            "strategy": {"name": "linas", "population": 6, "inner_evaluations": 300},
            "predictor": "ridge",
            "evaluations": 18,
            "export_limit": 4,
        },
        "objectives": ["accuracy", "macs"],
        "reporters": ["html", "png", "csv", "json"],
    }
    return {**whole, **changes}


def make(folder: Path, **changes: object) -> dict[str, object]:
    """Checkpoint, data and spec in one folder."""
    write_checkpoint(folder / "checkpoint")
    write_data(folder)
    return spec(folder, **changes)

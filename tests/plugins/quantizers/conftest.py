"""Small models with everything that can be quantized, and a quantizer for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from instatune_plugins.quantizers import Int8Config
from instatune_plugins.quantizers.int8 import Int8


class Mixed(nn.Module):
    """A picture and words, each kind of module once or more."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False)
        self.reflected = nn.Conv2d(8, 6, 3, padding=1, padding_mode="reflect")
        self.named = nn.Conv2d(6, 6, 2, padding="same", dilation=2)
        self.words = nn.Embedding(11, 6, padding_idx=0)
        self.norm = nn.LayerNorm(6)
        self.up = nn.Linear(6, 10)
        self.down = nn.Linear(10, 3, bias=False)

    def forward(self, image, words):
        x = self.named(self.reflected(self.grouped(self.conv(image).relu())))
        x = x.flatten(2).transpose(1, 2).mean(1, keepdim=True) + self.words(words)
        return self.down(torch.nn.functional.gelu(self.up(self.norm(x)))).mean(1)


class Tied(nn.Module):
    """A language model whose head is its table of words."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.body = nn.Linear(6, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, words):
        return self.head(self.body(self.table(words)))


NAMES = ("conv", "grouped", "reflected", "named", "words", "up", "down")


def filled(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.normal_(0.0, 0.4, generator=generator)
    return model.eval()


def pictures_and_words(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(4, 3, 12, 12, generator=generator)
    return {"image": image, "words": torch.randint(11, (4, 5), generator=generator)}


def words(seed: int = 0) -> dict[str, torch.Tensor]:
    return {"words": torch.randint(11, (4, 5), generator=torch.Generator().manual_seed(seed))}


def run(model, batch):
    with torch.inference_mode():
        return model(**batch)


def int8(**settings) -> Int8:
    return Int8(Int8Config(**settings))


@pytest.fixture(scope="session")
def models():
    """What stands above, for the tests beside this file."""
    return SimpleNamespace(
        Mixed=Mixed,
        Tied=Tied,
        NAMES=NAMES,
        filled=filled,
        pictures_and_words=pictures_and_words,
        words=words,
        run=run,
        int8=int8,
    )

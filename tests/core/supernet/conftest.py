"""A tiny random BERT and a toy network with everything that an anatomy can say."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune.space import (
    Anatomy,
    Attribute,
    Cut,
    Gene,
    Group,
    SearchSpace,
    Stack,
    Work,
)
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert


def tiny_bert(seed: int = 0, *, layers: int = 3, hidden: int = 32) -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=50,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=20,
        num_labels=3,
        initializer_range=0.3,  # a function that feels every weight
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config)
        for parameter in model.parameters():  # biases and norms of a trained model are not trivial
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def batch_of(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(4, 9, dtype=torch.long)
    mask[1, 5:] = 0
    mask[3, 2:] = 0
    return {
        "input_ids": torch.randint(1, 50, (4, 9), generator=generator),
        "attention_mask": mask,
        "labels": torch.tensor([0, 1, 2, 1]),
    }


def width_genes(anatomy: Anatomy, choices: dict[str, tuple[int, ...]]) -> list[Gene]:
    return [
        Gene(
            name=group.name,
            choices=choices[group.kind],
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind in choices
    ]


def bert_space(anatomy: Anatomy, priority: tuple[int, ...] | None = None) -> SearchSpace:
    layers = anatomy.stacks[0].layers
    choices = {"heads": (1, 2, 3, 4), "ffn": (1, 17, 40, 48)}
    depth = Gene(
        name="depth", choices=tuple(range(1, layers + 1)), effect="depth", targets=("layers",)
    )
    genes = [depth, *width_genes(anatomy, choices)]
    return search_space(anatomy, genes, {"layers": priority} if priority else None)


def bert_supernet(seed: int = 0, priority: tuple[int, ...] | None = (2, 0, 1)) -> Supernet:
    adapter, model = Bert(), tiny_bert(seed)
    anatomy = adapter.describe(model)
    return Supernet(model, anatomy, bert_space(anatomy, priority), adapter.logits)


@pytest.fixture
def supernet() -> Supernet:
    """A tiny BERT whose middle layer is dropped first, then the first."""
    return bert_supernet()


@pytest.fixture
def batch() -> dict[str, Tensor]:
    return batch_of()


@pytest.fixture
def make_bert() -> Callable[..., nn.Module]:
    return tiny_bert


@pytest.fixture
def make_supernet() -> Callable[..., Supernet]:
    return bert_supernet


# a toy network


class Block(nn.Module):
    """Fused query-key-value, a norm across the heads, and an FFN."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place, self.heads, self.width, self.shape = place, 4, 8, (8,)
        self.qkv = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)
        self.proj = nn.Linear(8, 8)
        self.fc1, self.fc2 = nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, self.heads, -1).unbind(2)
        mix = functional.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (q, k, v)))
        x = x + self.proj(self.norm(mix.transpose(1, 2).reshape(*x.shape[:2], self.width)))
        return x + self.place + self.fc2(self.fc1(x).relu())


class Toy(nn.Module):
    """Convolutions with batch norm, blocks, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(n_layers=3)
        self.conv1, self.norm1 = nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4)
        self.conv2 = nn.Conv1d(4, 6, 3, padding=1)
        self.there, self.back = nn.Linear(6, 8, bias=False), nn.Linear(6, 8, bias=False)
        self.back.weight = self.there.weight
        self.blocks = nn.Sequential(*(Block(place) for place in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(self.norm1(self.conv1(x)).relu()).relu().transpose(1, 2)
        x = self.blocks(self.there(x))
        return (x @ self.back.weight).sum(-1) + len(self.blocks) + self.config.n_layers


def toy_groups() -> tuple[Group, ...]:
    conv2 = Cut("conv2.weight", 1)
    first = Group(
        name="first",
        kind="channels",
        units=4,
        cuts=(
            *(Cut(f"conv1.{t}", 0) for t in ("weight", "bias")),
            *(Cut(f"norm1.{t}", 0) for t in ("weight", "bias", "running_mean", "running_var")),
            conv2,
        ),
        outgoing=conv2,
    )
    there = Cut("there.weight", 1)
    second = Group(
        name="second",
        kind="channels",
        units=6,
        cuts=(Cut("conv2.weight", 0), Cut("conv2.bias", 0), there, Cut("back.weight", 1)),
        outgoing=there,
    )
    return first, second, *(group for layer in range(3) for group in block_groups(layer))


def block_groups(layer: int) -> tuple[Group, Group]:
    at = f"blocks.{layer}"
    proj, fc2 = Cut(f"{at}.proj.weight", 1, 2), Cut(f"{at}.fc2.weight", 1)
    heads = Group(
        name=f"heads.{layer}",
        kind="heads",
        units=4,
        cuts=(
            *(Cut(f"{at}.qkv.{t}", 0, 2, 3) for t in ("weight", "bias")),
            *(Cut(f"{at}.norm.{t}", 0, 2) for t in ("weight", "bias")),
            proj,
        ),
        outgoing=proj,
        attributes=(
            Attribute(f"{at}.heads"),
            Attribute(f"{at}.width", 2),
            Attribute(f"{at}.shape", 2, as_tuple=True),
        ),
        stack="blocks",
        layer=layer,
    )
    ffn = Group(
        name=f"ffn.{layer}",
        kind="ffn",
        units=12,
        cuts=(Cut(f"{at}.fc1.weight", 0), Cut(f"{at}.fc1.bias", 0), fc2),
        outgoing=fc2,
        stack="blocks",
        layer=layer,
    )
    return heads, ffn


def toy_anatomy(model: Toy) -> Anatomy:
    return Anatomy(
        family="toy",
        stacks=(
            Stack(
                name="blocks",
                path="blocks",
                layers=3,
                index_attributes=("place",),
                count_attributes=("config.n_layers",),
            ),
        ),
        groups=toy_groups(),
        shapes={name: tuple(tensor.shape) for name, tensor in model.named_parameters()},
        work=(Work("there.weight"),),
        tokens=5,
    )


def toy_supernet() -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Toy()
        for tensor in (*model.parameters(), *model.norm1.buffers()):
            if tensor.is_floating_point():
                tensor.data = torch.rand_like(tensor) + 0.1
    anatomy = toy_anatomy(model)
    choices = {"heads": (1, 3, 4), "ffn": (2, 12), "channels": ()}
    genes = width_genes(anatomy, {kind: values for kind, values in choices.items() if values})
    genes += [
        Gene(name="first", choices=(1, 3, 4), effect="width", targets=("first",)),
        Gene(name="second", choices=(2, 5, 6), effect="width", targets=("second",)),
        Gene(name="depth", choices=(1, 2, 3), effect="depth", targets=("blocks",)),
    ]
    space = search_space(anatomy, genes, {"blocks": (1, 2, 0)})
    return Supernet(model.eval(), anatomy, space, lambda net, batch: net(batch["x"]))


@pytest.fixture
def toy() -> Supernet:
    return toy_supernet()


@pytest.fixture
def toy_batch() -> dict[str, Tensor]:
    return {"x": torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1))}

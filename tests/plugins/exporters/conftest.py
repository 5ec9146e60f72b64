"""Extracted and quantized networks of every family, tiny."""

from __future__ import annotations

import types

import attrs
import pytest
import torch
from torch import nn

from instatune.interfaces import Network
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune.space import Gene
from instatune.space.policy import weighted
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.testing import tiny
from instatune_plugins.quantizers import Int8Config
from instatune_plugins.quantizers.int8 import Int8


def drawn(size, low, high, seed=0):
    return torch.randint(low, high, size, generator=torch.Generator().manual_seed(seed))


def tokens(examples, length, words, seed=0):
    """Some examples are padded on the right; none is nothing but padding."""
    mask = torch.ones(examples, length, dtype=torch.int64)
    mask[1::2, max(1, length - (length // 3 or 1)) :] = 0
    return {"input_ids": drawn((examples, length), 3, words, seed) * mask, "attention_mask": mask}


def images(examples, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"pixel_values": torch.randn(examples, 3, size, size, generator=generator)}


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(
        vocab_size=40, intermediate_size=24, max_position_embeddings=32, num_labels=3, **sizes
    )
    return BertForSequenceClassification(config), lambda n, t, s: tokens(n, t, 40, s)


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=20,
        num_hidden_layers=2,
        max_position_embeddings=32,
        tie_word_embeddings=True,
        **heads,
    )
    return LlamaForCausalLM(config), lambda n, t, s: tokens(n, t, 40, s)


def vit():
    import timm

    sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 4}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, **sizes)
    return model, lambda n, t, s: images(n, 16, s)


def resnet():
    import timm

    model = timm.create_model(
        "resnet26", num_classes=3, layers=(2, 1, 1, 1), channels=(6, 8, 10, 12)
    )
    return model, lambda n, t, s: images(n, 32, s)


def beit3():
    from instatune_plugins.adapters.beit3_model import build
    from instatune_plugins.adapters.beit3_sizes import from_json

    sizes = {
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 20,
        "image_size": 16,
        "patch_size": 8,
        "vocab_size": 40,
        "max_position_embeddings": 32,
        "num_labels": 3,
    }
    model = build(from_json("tiny", {"model_type": "beit3", "head": "vqa", **sizes}))
    return model, lambda n, t, s: {**images(n, 16, s), **tokens(n, t, 40, s)}


def tiny_transformer():
    return tiny.model(), lambda n, t, s: tokens(n, min(t, 8), 4, s)


MAKERS = {
    "bert": bert,
    "llama": llama,
    "vit": vit,
    "resnet": resnet,
    "beit3": beit3,
}


def fill(model: nn.Module) -> nn.Module:
    """Draw all parameters so that every part of the model is at work."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.2, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(1.0)
    return model.eval()


def network(family: str) -> tuple[Network, object]:
    """An extracted network whose layers have unlike widths, and a maker of its batches."""
    if family == "tiny":
        batches = tiny_transformer()[1]
        return attrs.evolve(tiny.network(), example=batches(2, 6, 0)), batches
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, batches = MAKERS[family]()
    offer = discover(only=("instatune",))["adapters"].find(family)
    adapter = load_target(offer, object)(offer.entry.config() if offer.entry.config else None)
    anatomy = adapter.describe(fill(model))
    genes = [
        Gene(
            name=group.name,
            choices=tuple(sorted({max(1, group.minimum), group.units // 2, group.units})),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.units > 1
    ]
    supernet = Supernet(model, anatomy, search_space(anatomy, genes), adapter.logits)
    values = {gene.name: gene.choices[i % 3 % len(gene.choices)] for i, gene in enumerate(genes)}
    chosen = supernet.space.architecture(values)
    made = Network(
        model=supernet.extract(chosen).eval(),
        architecture=chosen,
        adapter=adapter,
        adapter_name=f"{family}@instatune",
        anatomy=anatomy,
        kept_units=supernet.space.kept_units(chosen),
        kept_layers=supernet.space.kept_layers(chosen),
        processor=None,
        labels=("no", "yes", "maybe"),
        facts={"name": f"small {family}"},
        example=batches(2, 7, 0),
    )
    return made, batches


def quantized(whole: Network, batches, bits=(8,)) -> Network:
    """The same with integers, or with a policy that goes round the bits."""
    adapter, quantizer = whole.adapter, Int8(Int8Config())
    calibration = tuple(batches(6, 9, seed) for seed in (1, 2))
    ranges = quantizer.observe(whole.model, adapter.logits, calibration)
    names = [name for name in weighted(whole.anatomy) if name in ranges]
    policy = {name: bits[i % len(bits)] for i, name in enumerate(names)}
    policy = {name: value for name, value in policy.items() if value < 32}
    left = quantizer.unsupported(whole.model, policy, ranges)
    policy = {name: value for name, value in policy.items() if name not in left}
    return attrs.evolve(
        whole,
        policy=policy,
        quantized=quantizer.quantize(whole.model, policy, ranges).eval(),
        quantizer_name="int8@instatune",
        calibration=calibration,
    )


@pytest.fixture(scope="session")
def networks():
    """The makers above, for tests."""
    return types.SimpleNamespace(make=network, quantized=quantized, families=tuple(MAKERS))

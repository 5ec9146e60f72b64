"""Look-up tables and buffers that anatomies list, against the modules that are there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from instatune.space import Gene
from instatune.space.storage import Storage
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.auto import Auto
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.llama import Llama
from instatune_plugins.adapters.resnet import Resnet

SIZES = {
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "max_position_embeddings": 20,
}
DISTIL = {"dim": 24, "n_layers": 2, "n_heads": 4, "hidden_dim": 20, "vocab_size": 40}


def text_model(model_type: str, **changes) -> nn.Module:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    sizes = DISTIL if model_type == "distilbert" else SIZES
    config = AutoConfig.for_model(model_type, **{**sizes, **changes})
    with torch.random.fork_rng(devices=[]):
        return AutoModelForSequenceClassification.from_config(config).eval()


def tables_of(model: nn.Module) -> list[str]:
    return [f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Embedding)]


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert", "electra", "mpnet"])
def test_encoders_list_all_tables_but_that_of_biases(model_type):
    model = text_model(model_type)

    found = Bert().describe(model).embeddings

    assert sorted(found) == sorted(n for n in tables_of(model) if "relative_attention" not in n)
    assert len(found) == (2 if model_type in ("distilbert", "mpnet") else 3)


@pytest.mark.parametrize("tied", [False, True])
def test_decoders_list_their_words_once(tied):
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(**{**SIZES, "tie_word_embeddings": tied})
    with torch.random.fork_rng(devices=[]):
        anatomy = Llama().describe(AutoModelForCausalLM.from_config(config))

    assert anatomy.embeddings == ("model.embed_tokens.weight",)
    assert ("model.embed_tokens.weight" in {work.weight for work in anatomy.work}) == tied


@pytest.mark.parametrize(
    ("model_type", "names"),
    [
        ("bert", ["word", "token_type", "position"]),
        ("roformer", ["word", "token_type"]),  # looks its positions up in a way of its own
    ],
)
def test_what_is_recognised_lists_the_tables_that_are_called(model_type, names):
    model = text_model(model_type)

    found = Auto().describe(model).embeddings

    wanted = {f"{model_type}.embeddings.{name}_embeddings.weight" for name in names}
    assert len(found) == len(names)
    assert set(found) == wanted <= set(tables_of(model))


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("resnet18", {"layers": (2, 1, 2, 1), "channels": (6, 8, 10, 12)}),
        ("resnet26", {"layers": (2, 1, 2, 1), "channels": (6, 8, 10, 12)}),
        ("cifar_resnet14", {"width": 6}),
    ],
)
def test_statistics_of_normalisations_are_counted_on_disk(architecture, changes):
    import timm

    from instatune_plugins.adapters import resnet_cifar  # noqa: F401 - registers its models

    with torch.random.fork_rng(devices=[]):
        model = timm.create_model(architecture, num_classes=3, **changes).eval()
    model.pretrained_cfg["input_size"] = (3, 32, 32)
    adapter = Resnet()
    anatomy = adapter.describe(model)
    genes = [
        Gene(
            name=group.name,
            choices=(1, group.units),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    space = search_space(anatomy, genes)
    network = Supernet(model, anatomy, space, adapter.logits)
    rows = np.concatenate(
        [space.encode([space.largest]), space.sample(np.random.default_rng(0), 5)]
    )

    counted = Storage(anatomy).tensors(space, rows)

    there = [
        sum(tensor.nbytes for tensor in network.extract(architecture).state_dict().values())
        for architecture in space.decode(rows)
    ]
    assert counted.tolist() == there
    statistics = sum(buffer.nbytes for buffer in model.buffers())
    assert statistics > 0.001 * there[0]

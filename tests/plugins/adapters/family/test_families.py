"""Loading, describing and refusing encoders of each family."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
import torch
from torch import nn

from instatune.errors import CheckpointError
from instatune.testing.contracts import AdapterContract
from instatune.testing.tokens import tokenizer
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.bert_families import FAMILIES
from instatune_plugins.adapters.bert_outline import outline

ALL = tuple(family.model_type for family in FAMILIES)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def edit(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


class FamilyContract(AdapterContract):
    entry = "bert"
    model_type: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _saver(self, save):
        type(self).save = staticmethod(save)

    def checkpoint(self, folder):
        if not (folder / "config.json").exists():
            self.save(self.model_type, folder, vocab_size=300)
            tokenizer().save_pretrained(folder)
        return str(folder)

    def batch(self, adapter, checkpoint):
        texts = ["a text", "another one"]
        return adapter.processor(checkpoint)(texts, padding=True, return_tensors="pt")


class TestRoberta(FamilyContract):
    model_type = "roberta"


class TestDistilBert(FamilyContract):
    model_type = "distilbert"


class TestElectra(FamilyContract):
    model_type = "electra"


class TestMpnet(FamilyContract):
    model_type = "mpnet"


@pytest.mark.parametrize("model_type", ALL)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_outline_equals_the_loaded_model(save, tmp_path, model_type, outputs):
    labels = {str(i): f"label {i}" for i in range(outputs)}
    folder = save(model_type, tmp_path)
    edit(folder, id2label=labels)

    model = Bert().load(str(folder), outputs, generator())

    assert outline(str(folder)) == Bert().describe(model)
    assert type(model).__name__.lower() == (
        model_type.replace("-", "") + "forsequenceclassification"
    )


def test_one_output_makes_a_regression_head(checkpoint, batch):
    model = Bert().load(str(checkpoint), 1, generator())

    logits = Bert().logits(model, {**batch, "labels": torch.tensor([0.3, 0.1, 2.0])})

    assert logits.shape == (3, 1)
    assert model.config.num_labels == 1


def test_only_the_head_is_new_and_follows_the_generator(checkpoint, model_type):
    from safetensors.torch import load_file

    first, second = (Bert().load(str(checkpoint), 3, generator()) for _ in range(2))
    other = Bert().load(str(checkpoint), 3, generator(1))

    published = set(load_file(checkpoint / "model.safetensors"))
    root = next(f.root for f in FAMILIES if f.model_type == model_type)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
        same = torch.equal(tensor, other.state_dict()[name])
        if name.removeprefix(f"{root}.") in published:
            assert same
        elif name.endswith("weight"):
            assert not same


@pytest.mark.parametrize(
    ("model_type", "longest"),
    [("bert", 20), ("roberta", 18), ("xlm-roberta", 18), ("mpnet", 18), ("distilbert", 20)],
)
def test_rows_of_padding_in_the_position_table_hold_no_token(save, tmp_path, model_type, longest):
    folder = save(model_type, tmp_path, vocab_size=300)
    tokenizer(max_length=1000).save_pretrained(folder)
    model = Bert().load(str(folder), 2, generator())
    text = "x" * 50

    cut = Bert().processor(str(folder))(text, truncation=True, return_tensors="pt")

    assert Bert().describe(model).max_tokens == longest
    assert cut["input_ids"].shape == (1, longest)
    assert Bert().logits(model, cut).isfinite().all()
    long = torch.full((1, longest + 1), 7)
    with pytest.raises((IndexError, RuntimeError)):
        Bert().logits(model, {"input_ids": long, "attention_mask": torch.ones_like(long)})


def test_a_table_without_room_is_refused(save, tmp_path):
    folder = save("roberta", tmp_path)
    edit(folder, max_position_embeddings=2)

    with pytest.raises(CheckpointError, match="max_position_embeddings is 2; more than 2 are nee"):
        outline(str(folder))


def test_token_types_are_given_only_to_those_that_take_them(checkpoint, batch, model_type):
    model = Bert().load(str(checkpoint), 2, generator()).eval()
    types = torch.zeros_like(batch["input_ids"])

    with torch.no_grad():
        plain = Bert().logits(model, batch)
        typed = Bert().logits(model, {**batch, "token_type_ids": types, "index": torch.arange(3)})

    assert torch.equal(plain, typed)


def test_attention_is_fused_where_the_family_can(checkpoint, model_type):
    model = Bert().load(str(checkpoint), 2, generator())

    assert model.config._attn_implementation == ("eager" if model_type == "mpnet" else "sdpa")


@pytest.mark.parametrize(
    ("model_type", "path", "message"),
    [
        ("roberta", "roberta.encoder.layer.1.output.dense", "RoBERTa family is: tensor 'roberta.e"),
        ("distilbert", "distilbert.transformer.layer.0.ffn.lin1", "DistilBERT family.*ffn.lin1.we"),
        ("electra", "electra.embeddings_project", "ELECTRA family.*electra.embeddings_project.we"),
        ("mpnet", "mpnet.encoder.layer.2.attention.attn.o", "MPNet family.*layer.2.attention.attn"),
    ],
)
def test_the_first_tensor_that_differs_is_named(save, tmp_path, model_type, path, message):
    model = Bert().load(str(save(model_type, tmp_path)), 2, generator())
    model.set_submodule(path, nn.Linear(3, 5))

    with pytest.raises(CheckpointError, match=message):
        Bert().describe(model)


def test_a_family_without_its_head_is_refused(save, tmp_path):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(save("roberta", tmp_path))

    with pytest.raises(CheckpointError, match=r"RoBERTa family is: module 'classifier\.out_p"):
        Bert().describe(model)


@pytest.mark.parametrize(
    ("model_type", "hint"),
    [
        ("vit", "the adapter of that family (adapter 'vit')"),
        ("gpt2", "(see `instatune plugins --kind adapters`, or try 'auto')"),
    ],
)
def test_another_family_is_told_its_adapter(save, tmp_path, model_type, hint):
    folder = save("bert", tmp_path)
    edit(folder, model_type=model_type)

    with pytest.raises(CheckpointError) as caught:
        Bert().load(str(folder), 2, generator())

    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("model_type", "changes", "message"),
    [
        ("distilbert", {"dim": 26}, "dim 26 is not a multiple of n_heads 4"),
        ("distilbert", {"hidden_dim": 0}, "hidden_dim is 0; a positive number is right"),
        ("electra", {"embedding_size": "x"}, "embedding_size is 'x'"),
        ("mpnet", {"relative_attention_num_buckets": -1}, "relative_attention_num_buckets is -1"),
        ("roberta", {"is_decoder": True}, "is a decoder, .* choose a RoBERTa encoder"),
    ],
)
def test_sizes_that_make_no_encoder_are_refused(save, tmp_path, model_type, changes, message):
    folder = save(model_type, tmp_path)
    edit(folder, **changes)

    with pytest.raises(CheckpointError, match=message):
        outline(str(folder))

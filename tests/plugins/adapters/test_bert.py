"""Loading BERT checkpoints of all sorts, and refusing the rest clearly."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.bert_families import FAMILIES
from instatune_plugins.adapters.bert_outline import outline


def edit_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def edit_weights(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


# loading


def test_it_is_found_through_the_entry_point():
    offer = discover()["adapters"].find("bert@instatune")

    assert load_target(offer, Adapter) is Bert
    assert offer.entry.model_types == tuple(family.model_type for family in FAMILIES)
    assert Bert(offer.entry.config()).config.revision == "main"


def test_a_plain_encoder_gets_a_new_head_and_keeps_the_rest(encoder, seeded):
    model = Bert().load(str(encoder), 5, seeded())

    published = load_file(encoder / "model.safetensors")
    loaded = model.state_dict()
    assert len(published) == len(loaded) - 2
    assert all(torch.equal(loaded[f"bert.{name}"], tensor) for name, tensor in published.items())
    assert model.classifier.weight.shape == (5, 16)
    assert model.classifier.bias.abs().max() == 0
    assert model.config.num_labels == 5
    assert model.config._attn_implementation == "sdpa"
    assert not model.training


def test_the_new_head_follows_its_generator_alone(encoder, seeded):
    torch.manual_seed(1)
    first = Bert().load(str(encoder), 3, seeded()).classifier.weight
    state = torch.get_rng_state()
    second = Bert().load(str(encoder), 3, seeded()).classifier.weight

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, Bert().load(str(encoder), 3, seeded(9)).classifier.weight)
    assert 0.005 < first.std() < 0.05


def test_a_missing_pooler_is_drawn_anew(encoder, seeded):
    edit_weights(
        encoder, lambda tensors: [tensors.pop(f"pooler.dense.{t}") for t in ("weight", "bias")]
    )

    first, second = (Bert().load(str(encoder), 3, seeded()) for _ in range(2))

    assert torch.equal(first.bert.pooler.dense.weight, second.bert.pooler.dense.weight)
    assert first.bert.pooler.dense.weight.std() > 0


def test_a_fitting_head_is_kept_and_another_is_replaced(classifier, seeded):
    published = load_file(classifier / "model.safetensors")["classifier.weight"]

    same, other = (Bert().load(str(classifier), n, seeded()) for n in (3, 4))

    assert torch.equal(same.classifier.weight, published)
    assert other.classifier.weight.shape == (4, 16)


def test_half_precision_weights_become_float32(encoder, seeded):
    edit_weights(encoder, lambda tensors: tensors.update({n: t.half() for n, t in tensors.items()}))
    edit_config(encoder, dtype="float16")

    model = Bert().load(str(encoder), 2, seeded())

    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_loading_says_nothing_and_leaves_the_loggers_as_they_were(encoder, seeded, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Bert().load(str(encoder), 2, seeded())

    assert capfd.readouterr() == ("", "")
    assert caught == []
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_logits_ignore_labels_and_padding(encoder, seeded):
    adapter = Bert()
    model = adapter.load(str(encoder), 3, seeded())
    short = adapter.processor(str(encoder))(["a cat sat"], return_tensors="pt")
    padded = adapter.processor(str(encoder))(
        ["a cat sat"], return_tensors="pt", padding="max_length", max_length=12
    )

    with torch.no_grad():
        plain = adapter.logits(model, short)
        with_labels = adapter.logits(model, {**padded, "labels": torch.tensor([0])})

    assert plain.shape == (1, 3)
    torch.testing.assert_close(plain, with_labels, rtol=1e-4, atol=1e-6)


def test_the_tokenizer_is_the_fast_one(encoder):
    assert Bert().processor(str(encoder)).is_fast


# describing


def test_description_fits_and_equals_the_outline(classifier, seeded):
    model = Bert().load(str(classifier), 3, seeded())

    anatomy = Bert().describe(model)

    assert anatomy == outline(str(classifier))
    assert set(anatomy.shapes) == {name for name, _ in model.named_parameters()}
    assert (anatomy.tokens, anatomy.max_tokens) == (32, 32)


def test_skeleton_is_the_same_model_without_weights(encoder, seeded, tmp_path):
    adapter = Bert()
    model = adapter.load(str(encoder), 7, seeded())
    (tmp_path / "out").mkdir()

    adapter.save_assets(model, adapter.processor(str(encoder)), tmp_path / "out")
    skeleton = adapter.skeleton(tmp_path / "out")

    assert adapter.describe(skeleton) == adapter.describe(model)
    assert torch.equal(skeleton.bert.embeddings.position_ids, model.bert.embeddings.position_ids)
    assert skeleton.bert.embeddings.token_type_ids.abs().max() == 0
    assert skeleton.config._attn_implementation == "sdpa"
    assert not list((tmp_path / "out").glob("*.safetensors"))
    assert adapter.processor(str(tmp_path / "out")).vocab_size == 11


def test_a_model_of_another_shape_is_refused_by_name(classifier, seeded):
    model = Bert().load(str(classifier), 3, seeded())
    model.bert.encoder.layer[1].output.dense = nn.Linear(23, 16)

    with pytest.raises(
        CheckpointError,
        match=r"BERT family.*'bert\.encoder\.layer\.1\.output\.dense\.weight' has shape \[16, 23\]",
    ):
        Bert().describe(model)


@pytest.mark.parametrize("kind", ["linear", "encoder"])
def test_a_model_without_head_is_refused(kind, encoder):
    from transformers import BertModel

    model = nn.Linear(2, 2) if kind == "linear" else BertModel.from_pretrained(encoder)

    with pytest.raises(
        CheckpointError, match="module 'classifier' or its configuration is missing"
    ):
        Bert().describe(model)


# errors

DAMAGES = {
    "no folder": (
        lambda f: f.rename(f.parent / "gone"),
        "no such folder; give a folder with config",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json is missing; give a folder"),
    "corrupt config": (
        lambda f: (f / "config.json").write_text("{"),
        r"config\.json cannot be read \(.*\); download it again",
    ),
    "another family": (
        lambda f: edit_config(f, model_type="gpt2"),
        r"model_type is 'gpt2', adapter 'bert' fits 'bert', .*'mpnet'; choose a BERT checkpoint or",
    ),
    "no family": (lambda f: (f / "config.json").write_text("[]"), "model_type is None"),
    "decoder": (lambda f: edit_config(f, is_decoder=True), "is a decoder, adapter 'bert' fits enc"),
    "no weights": (
        lambda f: (f / "model.safetensors").unlink(),
        r"has no weights; one of model\.safetensors, .* must be there",
    ),
    "truncated weights": (
        lambda f: (f / "model.safetensors").write_bytes(
            (f / "model.safetensors").read_bytes()[:-10]
        ),
        r"model\.safetensors is damaged \(.*\); download it again",
    ),
    "pointer instead of weights": (
        lambda f: (f / "model.safetensors").write_text(
            "version https://git-lfs.github.com/spec/v1"
        ),
        r"model\.safetensors is damaged",
    ),
    "corrupt bin": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        r"cannot be loaded \(.+\); check the name, or download it again",
    ),
    "missing layer": (
        lambda f: edit_config(f, num_hidden_layers=3),
        r"do not cover the encoder .* bert\.encoder\.layer\.2\.attention\.output\.LayerNorm\.bias "
        r"and 15 more missing or of another shape; give a complete checkpoint",
    ),
    "other width": (
        lambda f: edit_config(f, intermediate_size=32),
        r"do not cover the encoder.*bert\.encoder\.layer\.0\.intermediate\.dense\.bias and 5 more",
    ),
    "impossible heads": (
        lambda f: edit_config(f, num_attention_heads=3),
        r"cannot be loaded \(.*multiple of the number of attention heads",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_bad_checkpoint_gives_one_clear_error(encoder, seeded, case):
    damage, message = DAMAGES[case]
    damage(encoder)

    with pytest.raises(CheckpointError, match=message) as caught:
        Bert().load(str(encoder), 2, seeded())

    assert str(encoder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_without_tokenizer_is_refused(classifier):
    with pytest.raises(CheckpointError, match=r"its tokenizer cannot be loaded .*vocab\.txt"):
        Bert().processor(str(classifier))


def test_a_name_that_no_hub_knows_is_refused(seeded, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(CheckpointError, match="checkpoint no/such-model: cannot be loaded"):
        Bert().load("no/such-model", 2, seeded())

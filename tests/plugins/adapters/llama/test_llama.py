"""Loading decoders, describing them, and refusing the rest clearly."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError
from instatune_plugins.adapters.llama import Llama
from instatune_plugins.adapters.llama_outline import anatomy_of, outline
from instatune_plugins.schedules.plain import Plain

FAMILIES = ("llama", "llama_biased_tied", "mistral", "qwen2", "qwen3")


def load(folder, n_outputs=0):
    return Llama().load(str(folder), n_outputs, torch.Generator())


def edit_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def edit_weights(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
def test_description_fits_and_equals_the_outline(write_checkpoint, tmp_path, family):
    folder = write_checkpoint(tmp_path / "model", family)

    anatomy = Llama().describe(load(folder))

    assert anatomy == outline(str(folder))
    assert (anatomy.tokens, anatomy.max_tokens) == (32, 32)
    assert {group.kind for group in anatomy.groups} == {"kv_groups", "ffn", "embed"}
    assert [group.units for group in anatomy.of_kind("kv_groups")] == [3, 3, 3]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_skeleton_is_the_same_model_without_weights(write_checkpoint, tmp_path, family):
    model = load(write_checkpoint(tmp_path / "model", family))
    model.generation_config.max_new_tokens = 7
    (tmp_path / "out").mkdir()

    Llama().save_assets(model, Llama().processor(str(tmp_path / "model")), tmp_path / "out")
    skeleton = Llama().skeleton(tmp_path / "out")

    assert Llama().describe(skeleton) == Llama().describe(model)
    tied = skeleton.lm_head.weight is skeleton.model.embed_tokens.weight
    assert tied == (family in ("llama_biased_tied", "qwen2"))
    assert torch.equal(skeleton.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq)
    assert skeleton.generation_config.max_new_tokens == 7
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_all_published_weights_are_loaded_as_float32(checkpoint):
    edit_weights(checkpoint, lambda t: t.update({n: v.half() for n, v in t.items()}))
    edit_config(checkpoint, dtype="float16")

    model = load(checkpoint)

    published = load_file(checkpoint / "model.safetensors")
    assert published.keys() == model.state_dict().keys()
    assert all(torch.equal(v.float(), model.state_dict()[n]) for n, v in published.items())
    assert model.config._attn_implementation == "sdpa"
    assert not model.training


def test_logits_at_padding_are_zero_and_padding_changes_nothing(make, batch):
    model = make()
    short = {name: tensor[1:2, :5] for name, tensor in batch.items()}

    with torch.no_grad():
        padded, plain = Llama().logits(model, batch), Llama().logits(model, short)

    assert padded.shape == (3, 9, 50)
    assert padded[1, 5:].abs().max() == 0
    torch.testing.assert_close(padded[1, :5], plain[0], rtol=1e-5, atol=1e-5)


def test_plain_heads_are_called_heads(make):
    anatomy = Llama().describe(make(num_key_value_heads=6))

    assert [group.name for group in anatomy.of_kind("heads")] == ["heads.0", "heads.1", "heads.2"]
    assert anatomy.of_kind("kv_groups") == ()


def test_sizes_that_are_left_out_are_those_of_the_first_models():
    llama = anatomy_of({"model_type": "llama"})
    qwen = anatomy_of({"model_type": "qwen3"})

    assert llama.shapes["model.layers.31.mlp.gate_proj.weight"] == (11008, 4096)
    assert llama.group("heads.31").units == 32
    assert qwen.shapes["model.layers.0.self_attn.q_norm.weight"] == (128,)


def test_llama_7b_has_the_parameters_and_macs_of_the_literature():
    from instatune.space import counting

    anatomy = anatomy_of({"model_type": "llama"})
    full = (
        {group.name: group.units for group in anatomy.groups},
        {"layers": tuple(range(32))},
    )

    assert counting.parameters(anatomy).at(*full) == 6_738_415_616  # as published: 6.74 B
    weights = 6_738_415_616 - 32_000 * 4096 - 65 * 4096  # all but the look-up and the norms
    attention = 32 * 2 * 128 * 4096  # scores and mixing, per token
    assert counting.macs(anatomy, 128).at(*full) == 128 * (weights + attention)


def test_the_outline_needs_neither_torch_nor_transformers(checkpoint):
    code = (
        "import sys; from instatune_plugins.adapters.llama_outline import outline; "
        "outline(sys.argv[1]); print({'torch', 'transformers'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(checkpoint)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_names_on_a_hub_are_not_asked():
    assert outline("Qwen/Qwen2-0.5B") is None


# errors


def test_a_file_is_no_folder(checkpoint):
    with pytest.raises(CheckpointError, match=r"is a file; give a folder with config\.json, model"):
        outline(str(checkpoint / "model.safetensors"))


DAMAGES = {
    "no folder": (lambda f: f.rename(f.parent / "gone"), "no such folder; give a folder with conf"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json is missing; give a folder"),
    "corrupt config": (
        lambda f: (f / "config.json").write_text("{"),
        r"config\.json cannot be read \(.*\); download it again",
    ),
    "another family": (
        lambda f: edit_config(f, model_type="gpt2"),
        r"model_type is 'gpt2', adapter 'llama' fits 'llama', 'mistral', 'qwen2', 'qwen3'; choose",
    ),
    "no family": (lambda f: (f / "config.json").write_text("[]"), "model_type is None"),
    "quantised": (
        lambda f: edit_config(f, quantization_config={"bits": 4}),
        "is quantised, which cannot be fine-tuned as a whole; give the checkpoint that it was made",
    ),
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
    "corrupt bin": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        r"cannot be loaded \(.+\); check the name, or download it again",
    ),
    "missing head": (
        lambda f: edit_weights(f, lambda t: t.pop("lm_head.weight")),
        r"do not cover the model .*: lm_head\.weight missing or of another shape; give a complete",
    ),
    "missing layer": (
        lambda f: edit_config(f, num_hidden_layers=4),
        r"model\.layers\.3\.input_layernorm\.weight and 8 more missing or of another shape",
    ),
    "other width": (
        lambda f: edit_config(f, intermediate_size=32),
        r"do not cover the model.*mlp\.down_proj\.weight and 8 more missing or of another shape",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_bad_checkpoint_gives_one_clear_error(checkpoint, case):
    damage, message = DAMAGES[case]
    damage(checkpoint)

    with pytest.raises(CheckpointError, match=message) as caught:
        load(checkpoint)

    assert str(checkpoint) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_key_value_heads": 4}, "heads 6 is not a multiple of num_key_value_heads 4; each"),
        ({"num_attention_heads": 5, "num_key_value_heads": 5}, "hidden_size 24 is not a multiple"),
        ({"num_attention_heads": 8, "num_key_value_heads": 8}, "heads of size 3 cannot be turned"),
        ({"head_dim": 7}, "heads of size 7 cannot be turned by rotary positions"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; a positive number is right"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
        ({"hidden_size": None}, "hidden_size is None"),
        (
            {"layer_types": ["full_attention", "sliding_attention", "full_attention"]},
            "some layers have full and some sliding attention.*; set use_sliding_window to false",
        ),
        (
            {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
            "some layers have full and some sliding attention",
        ),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    config = {
        "model_type": "qwen2",
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        **changes,
    }

    with pytest.raises(CheckpointError, match=message):
        anatomy_of(config)


def test_sizes_are_checked_before_weights_are_read(checkpoint):
    edit_config(checkpoint, num_key_value_heads=4)

    with pytest.raises(CheckpointError, match="not a multiple of num_key_value_heads 4"):
        load(checkpoint)


def test_it_does_not_classify(checkpoint):
    with pytest.raises(
        CheckpointError, match="the task has 3 classes; use a language task such as causal_lm"
    ):
        load(checkpoint, n_outputs=3)


def test_a_checkpoint_without_tokenizer_is_refused(checkpoint):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (checkpoint / name).unlink()

    with pytest.raises(CheckpointError, match=r"its tokenizer cannot be loaded .*tokenizer\.json"):
        Llama().processor(str(checkpoint))


def test_a_tokenizer_of_another_model_is_refused(checkpoint):
    edit_config(checkpoint, vocab_size=20)

    with pytest.raises(
        CheckpointError, match="gives numbers up to 32, but the model knows 20 words; give the tok"
    ):
        Llama().processor(str(checkpoint))


def test_a_name_that_no_hub_knows_is_refused(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(CheckpointError, match="checkpoint no/such-model: cannot be loaded"):
        load("no/such-model")


@pytest.mark.parametrize("kind", ["linear", "decoder"])
def test_a_model_without_head_is_refused(make, kind):
    model = nn.Linear(2, 2) if kind == "linear" else make().model

    with pytest.raises(CheckpointError, match="module 'lm_head' or its configuration is missing"):
        Llama().describe(model)


def test_a_model_of_another_shape_is_refused_by_name(make):
    model = make()
    model.model.layers[1].mlp.up_proj = nn.Linear(24, 19, bias=False)

    with pytest.raises(
        CheckpointError,
        match=r"LLaMA family is: tensor 'model\.layers\.1\.mlp\.up_proj\.weight' has shape \[19",
    ):
        Llama().describe(model)


def test_the_distance_of_two_networks_leaves_padding_out(make, batch):
    student, teacher = (make(seed=seed) for seed in (0, 1))
    kept = batch["attention_mask"] == 1

    with torch.no_grad():
        logits = [Llama().logits(model, batch) for model in (student, teacher)]
        whole = Plain().distance(*logits, 2.0)
        without = Plain().distance(*(found[kept] for found in logits), 2.0)

    assert without > 0.1
    assert float(whole) * kept.numel() == pytest.approx(float(without) * int(kept.sum()), rel=1e-5)

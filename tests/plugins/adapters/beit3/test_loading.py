"""Checkpoints of all forms, and refusing the rest clearly."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError
from instatune_plugins.adapters.beit3 import Beit3Adapter
from instatune_plugins.adapters.beit3_config import Beit3AdapterConfig
from instatune_plugins.adapters.beit3_outline import outline

PUBLISHED = {  # sizes that follow from shapes alone: heads are 64 wide
    "hidden_size": 128,
    "num_attention_heads": 2,
    "intermediate_size": 20,
}


def adapter(**settings):
    return Beit3Adapter(Beit3AdapterConfig(**settings))


def edit_weights(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


def edit_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


# loading


@pytest.fixture
def published(beit3, tmp_path):
    """A file as the authors publish it: no head, but that of pre-training; settings beside it."""
    tensors = {n: t for n, t in beit3.make(**PUBLISHED).state_dict().items() if "beit3." in n}
    extra = {
        "beit3.encoder.layer_norm.A.weight": torch.ones(128),
        "beit3.encoder.layer_norm.B.weight": torch.ones(128),
        "mlm_head.weight": torch.zeros(20, 128),
    }
    file = tmp_path / "beit3_tiny_patch8_16.pth"
    args = argparse.Namespace(model="beit3_tiny", lr=1e-4)
    torch.save({"model": {**tensors, **extra}, "args": args}, file)
    return file, tensors


@pytest.mark.parametrize("head", ["vqa", "image_classification"])
def test_a_published_file_is_read_as_it_is(published, seeded, head):
    file, tensors = published

    model = adapter(head=head).load(str(file), 5, seeded())

    loaded = model.state_dict()
    trunk = {name for name in loaded if name.startswith("beit3.")}
    assert all(torch.equal(loaded[name], tensors[name]) for name in trunk)
    assert trunk == {n for n in tensors if head == "vqa" or (".B." not in n and "text_e" not in n)}
    assert model.sizes.heads == 2
    last = loaded["head.3.weight" if head == "vqa" else "head.weight"]
    assert last.shape == (5, 256 if head == "vqa" else 128)
    assert 0.01 < last.std() < 0.03
    assert not model.training
    assert outline(str(file)) is None


def test_a_published_head_is_kept_where_it_fits(beit3, tmp_path, seeded):
    folder = beit3.write(tmp_path / "c")
    written = load_file(folder / "model.safetensors")

    same, other = (adapter().load(str(folder), n, seeded()).state_dict() for n in (3, 4))

    assert all(torch.equal(same[name], tensor) for name, tensor in written.items())
    for name in ("pooler.dense.weight", "head.0.weight"):
        assert torch.equal(other[name], written[name])
    assert other["head.3.weight"].shape == (4, 48)


def test_the_head_of_the_weights_decides_where_nothing_else_does(beit3, tmp_path, seeded):
    tensors = beit3.make("image_classification", **PUBLISHED).state_dict()
    torch.save({"model": tensors}, tmp_path / "in1k.pth")

    model = Beit3Adapter().load(str(tmp_path), 3, seeded())

    assert not model.sizes.text
    assert Beit3Adapter().processor(str(tmp_path))["input_size"] == (3, 16, 16)


def test_half_precision_becomes_float32(beit3, tmp_path, seeded):
    folder = beit3.write(tmp_path / "c")
    edit_weights(folder, lambda t: t.update({n: x.half() for n, x in t.items()}))
    model = adapter().load(str(folder), 3, seeded())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_random_weights_follow_the_generator_alone(beit3, tmp_path, seeded):
    folder = beit3.write(tmp_path / "c")
    (folder / "model.safetensors").unlink()
    state = torch.get_rng_state()
    first, again, other = (
        adapter(pretrained=False).load(str(folder), 3, seeded(s)) for s in (0, 0, 1)
    )

    assert torch.equal(torch.get_rng_state(), state)
    for (name, a), b, c in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(a, b)
        assert a.isfinite().all()
        if a.ndim == 1:  # norms of one, biases of zero
            norm = "norm" in name or "_ln." in name or name == "head.1.weight"
            assert (a == float(norm and name.endswith("weight"))).all(), name
        else:
            assert not torch.equal(a, c)
            assert 0.005 < a.std() < 0.5, name
    logits = adapter().logits(first, beit3.batch())
    assert 0 < logits.std() < 1


def test_position_embeddings_are_resized(beit3, tmp_path, seeded):
    folder = beit3.write(tmp_path / "c")
    before = load_file(folder / "model.safetensors")["beit3.encoder.embed_positions.A.weight"]
    larger = adapter(image_size=32)

    model = larger.load(str(folder), 3, seeded())
    after = model.beit3.encoder.embed_positions["A"].weight

    assert after.shape == (3 + 16, 24)
    assert torch.equal(after[:3], before[:3])  # two unused rows and the class token
    grid, small = after[3:].view(4, 4, 24), before[3:].view(2, 2, 24)
    torch.testing.assert_close(grid.mean((0, 1)), small.mean((0, 1)))
    assert larger.describe(model).tokens == 17 + 10
    assert larger.processor(str(folder))["image"]["input_size"] == (3, 32, 32)
    same = adapter(image_size=16).load(str(folder), 3, seeded())
    assert torch.equal(same.beit3.encoder.embed_positions["A"].weight, before)


# describing


@pytest.mark.parametrize("head", ["vqa", "image_classification"])
def test_the_outline_equals_the_description(beit3, tmp_path, head):
    folder = beit3.write(tmp_path / "c", head)
    assert outline(str(folder)) == Beit3Adapter().describe(beit3.make(head))


def test_one_gene_sets_both_experts(beit3):
    anatomy = Beit3Adapter().describe(beit3.make())
    for kind in ("heads", "ffn"):
        group = anatomy.group(f"{kind}.1")
        assert {".A." in cut.tensor for cut in group.cuts} == {True, False}
        assert len(group.readers) == 2
    assert len(anatomy.groups) == 4


def test_the_outline_is_light(beit3, tmp_path):
    code = (
        "import sys; from instatune_plugins.adapters.beit3_outline import outline; "
        "print(outline(sys.argv[1]).tokens, {'torch', 'transformers', 'timm'} & set(sys.modules))"
    )
    folder = str(beit3.write(tmp_path / "c"))
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "15 set()"


def test_models_that_differ_are_refused(beit3):
    model = beit3.make()
    model.beit3.encoder.layers[1].ffn.B.fc1 = nn.Linear(24, 19)
    with pytest.raises(CheckpointError, match=r"layers\.1\.ffn\.B\.fc1\.weight' has .*\[19, 24\]"):
        Beit3Adapter().describe(model)
    with pytest.raises(CheckpointError, match="Linear is not built as the BEiT-3 family is"):
        Beit3Adapter().describe(nn.Linear(2, 2))


# assets


@pytest.mark.parametrize("head", ["vqa", "image_classification"])
def test_assets_bring_back_model_labels_and_processor(beit3, tmp_path, seeded, head):
    folder = str(beit3.write(tmp_path / "c", head))
    edit_config(tmp_path / "c", image_processing={"mean": [0.1, 0.2, 0.3], "crop_pct": 0.9})
    model, processor = adapter().load(folder, 3, seeded()), adapter().processor(folder)
    adapter().name_outputs(model, ("cat", "dog", "öl"))
    (tmp_path / "out").mkdir()

    adapter().save_assets(model, processor, tmp_path / "out")
    rebuilt = Beit3Adapter().skeleton(tmp_path / "out")
    again = Beit3Adapter().processor(str(tmp_path / "out"))

    assert rebuilt.sizes == model.sizes
    assert rebuilt.labels == ("cat", "dog", "öl")
    image = again["image"] if head == "vqa" else again
    assert image == (processor["image"] if head == "vqa" else processor)
    assert image["mean"] == (0.1, 0.2, 0.3)
    if head == "vqa":
        question = "what colour is it ?"
        assert again["tokenizer"](question) == processor["tokenizer"](question)
    assert not list((tmp_path / "out").glob("*.safetensors"))


# errors


def drop(name):
    return lambda folder: edit_weights(folder, lambda tensors: tensors.pop(name))


def cut(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def bare(folder):
    for file in folder.iterdir():
        file.unlink()


def settings(**changes):
    return lambda folder: edit_config(folder, **changes)


def no_config(folder):
    (folder / "config.json").unlink()


def nothing_known(folder):
    no_config(folder)
    save_file({"x": torch.zeros(2)}, folder / "model.safetensors")


DAMAGES = {
    "gone": (lambda f: f.rename(f.parent / "x"), "no such folder or file; give a file of BEiT-3's"),
    "bare": (bare, r"has neither config\.json nor weights; a file of BEiT-3's authors"),
    "config": (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read"),
    "family": (settings(model_type="vit"), "model_type is 'vit', adapter 'beit3' fits 'beit3'"),
    "head": (settings(head="captions"), "head is 'captions'; vqa or image_classification is right"),
    "eps": (settings(layer_norm_eps="x"), "layer_norm_eps is 'x'; a small number is right"),
    "size": (settings(num_hidden_layers=0), "num_hidden_layers is 0; a positive number is right"),
    "heads": (settings(num_attention_heads=5), "hidden_size 24 is not a multiple of num_attention"),
    "patch": (settings(patch_size=5), "image_size 16 is not a multiple of patch_size 5"),
    "positions": (settings(max_position_embeddings=2), "max_position_embeddings is 2; more than 2"),
    "weights": (lambda f: (f / "model.safetensors").unlink(), "has no weights; .*pretrained: fal"),
    "cut": (cut, r"model\.safetensors cannot be read \(.*\); download it again"),
    "part": (
        drop("beit3.encoder.layers.1.self_attn.k_proj.A.bias"),
        r"layers\.1\.self_attn\.k_proj\.A\.bias' is missing in the file, but \[24\] in the model",
    ),
    "text": (
        drop("beit3.encoder.layers.0.ffn.B.fc1.weight"),
        "a file with the text expert is needed, or set head: image_classification",
    ),
    "depth": (
        settings(num_hidden_layers=1),
        r"layers\.1\..*' is \[.*\] in the file, but missing in the model; config\.json is of anoth",
    ),
    "unnamed": (no_config, "hidden size 24 is not a multiple of 64, .*give a folder with a config"),
    "stranger": (nothing_known, r"is no BEiT-3: tensor 'beit3\.vision_embed\.proj\.weight' is mis"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_a_bad_checkpoint_gives_one_clear_error(beit3, case, tmp_path, seeded):
    damage, message = DAMAGES[case]
    folder = beit3.write(tmp_path / "c")
    damage(folder)

    with pytest.raises(CheckpointError, match=message) as caught:
        Beit3Adapter().load(str(folder), 3, seeded())

    assert "\n" not in str(caught.value)


def test_a_file_that_would_run_code_is_refused(tmp_path, seeded):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"model": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"evil\.pth cannot be read"):
        Beit3Adapter().load(str(tmp_path / "evil.pth"), 2, seeded())


def test_positions_that_make_no_square_are_refused(beit3, tmp_path, seeded):
    folder = beit3.write(tmp_path / "c")
    name = "beit3.encoder.embed_positions.A.weight"
    edit_weights(folder, lambda t: t.update({name: torch.zeros(9, 24)}))
    with pytest.raises(CheckpointError, match="has 9 rows, which make no square of patches"):
        adapter(image_size=32).load(str(folder), 3, seeded())

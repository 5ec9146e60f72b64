"""Checkpoints of all forms, and refusing the rest clearly."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError
from instatune_plugins.adapters.vit import Vit
from instatune_plugins.adapters.vit_config import VitAdapterConfig
from instatune_plugins.adapters.vit_outline import outline, transformers_anatomy

BOTH = ("vit", "hf_vit")


def edit_weights(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


# loading


@pytest.mark.parametrize("kind", ["vit", "distilled", "beit3", "hf_deit", "hf_beit"])
def test_published_weights_are_all_there_and_the_head_is_new(vits, kind, tmp_path, seeded):
    folder = vits.write(kind, tmp_path / "c")
    published = vits.make(kind).state_dict()

    model = Vit().load(str(folder), 5, seeded())

    loaded = model.state_dict()
    kept = {n: t for n, t in published.items() if not n.startswith(("head", "classifier"))}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in kept.items())
    heads = [t for n, t in loaded.items() if n not in kept]
    assert {tensor.shape for tensor in heads} == {(5,), (5, 24)}
    assert not model.training


@pytest.mark.parametrize("kind", BOTH)
def test_the_new_head_follows_its_generator_alone(vits, kind, tmp_path, seeded):
    folder = str(vits.write(kind, tmp_path / "c"))

    def head(seed):
        model = Vit().load(folder, 5, seeded(seed))
        return (model.head if kind == "vit" else model.classifier).weight

    state = torch.get_rng_state()
    first = head(0)

    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, head(0))
    assert not torch.equal(first, head(1))
    assert 0.005 < first.std() < 0.05


@pytest.mark.parametrize("kind", BOTH)
def test_a_head_of_the_same_size_is_kept(vits, kind, tmp_path, seeded):
    folder = vits.write(kind, tmp_path / "c", 4)
    published = load_file(folder / "model.safetensors")

    model = Vit().load(str(folder), 4, seeded())

    name = "head.weight" if kind == "vit" else "classifier.weight"
    assert torch.equal(model.state_dict()[name], published[name])


@pytest.mark.parametrize("kind", BOTH)
def test_half_precision_weights_become_float32(vits, kind, tmp_path, seeded):
    folder = vits.write(kind, tmp_path / "c")
    edit_weights(folder, lambda tensors: tensors.update({n: t.half() for n, t in tensors.items()}))

    model = Vit().load(str(folder), 2, seeded())

    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", BOTH)
def test_random_weights_need_no_file_and_follow_the_generator(vits, kind, tmp_path, seeded):
    folder = vits.write(kind, tmp_path / "c")
    (folder / "model.safetensors").unlink()
    adapter = Vit(VitAdapterConfig(pretrained=False))

    first, again, other = (adapter.load(str(folder), 3, seeded(seed)) for seed in (0, 0, 1))

    for (name, a), b, c in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(a, b)
        assert a.ndim < 2 or name.endswith("table") or not torch.equal(a, c) or not a.any(), name


def test_a_file_of_weights_needs_the_name_of_its_model(vits, tmp_path, seeded):
    import timm

    model = timm.create_model("test_vit", num_classes=3)
    file = tmp_path / "weights.safetensors"
    save_file(model.state_dict(), file)

    loaded = Vit(VitAdapterConfig(arch="test_vit")).load(str(file), 3, seeded())
    from_folder = Vit(VitAdapterConfig(arch="test_vit")).load(str(tmp_path), 3, seeded())

    for other in (loaded, from_folder):
        assert all(
            torch.equal(a, b)
            for a, b in zip(*(m.parameters() for m in (model, other)), strict=True)
        )
    with pytest.raises(CheckpointError, match=r"do not say what they are; name the timm model: `a"):
        Vit().load(str(file), 3, seeded())
    with pytest.raises(CheckpointError, match="do not say what they are"):
        Vit().load(str(tmp_path), 3, seeded())


def test_weights_of_torch_are_read_without_pickle(vits, tmp_path, seeded):
    folder = vits.write("vit", tmp_path / "c")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")

    model = Vit().load(str(folder), 3, seeded())

    assert torch.equal(model.pos_embed, tensors["pos_embed"])


def test_position_embeddings_are_resized(vits, tmp_path, seeded, caplog):
    folder = vits.write("vit", tmp_path / "c")
    adapter = Vit(VitAdapterConfig(image_size=32))

    with caplog.at_level(logging.WARNING):
        model = adapter.load(str(folder), 3, seeded())

    assert model.pos_embed.shape == (1, 17, 24)
    assert adapter.describe(model).tokens == 17
    assert adapter.processor(str(folder))["input_size"] == (3, 32, 32)
    assert not caplog.records
    with torch.no_grad():
        assert adapter.logits(model, {"pixel_values": torch.zeros(1, 3, 32, 32)}).shape == (1, 3)


def test_models_of_transformers_keep_their_size(vits, tmp_path, seeded):
    folder = str(vits.write("hf_vit", tmp_path / "c"))
    with pytest.raises(CheckpointError, match=r"image_size is for timm models.*leave it out"):
        Vit(VitAdapterConfig(image_size=32)).load(folder, 3, seeded())


def test_a_name_on_the_hub_is_downloaded_once_and_read_as_a_folder(
    vits, tmp_path, seeded, monkeypatch
):
    folder = vits.write("vit", tmp_path / "c")
    asked = []

    def fetch(name, *, revision, allow_patterns):
        asked.append((name, revision))
        assert "config.json" in allow_patterns
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)

    model = Vit(VitAdapterConfig(revision="v2")).load("timm/some_vit", 3, seeded())

    assert asked == [("timm/some_vit", "v2")]
    assert model.pos_embed.shape == (1, 5, 24)
    assert outline("timm/some_vit") is None


def test_a_beit_that_was_evaluated_first_can_be_trained(vits, tmp_path, seeded, edit):
    folder = vits.write("hf_beit", tmp_path / "c")
    (folder / "model.safetensors").unlink()
    edit(folder, image_size=40)  # no other test has this size: transformers remembers by size
    adapter = Vit(VitAdapterConfig(pretrained=False))
    model = adapter.load(str(folder), 3, seeded())
    batch = {"pixel_values": torch.zeros(1, 3, 40, 40)}

    with torch.inference_mode():
        adapter.logits(model, batch)
    adapter.logits(model, batch).sum().backward()

    table = model.beit.layers[0].relative_position_bias.relative_position_bias_table
    assert table.grad is not None


# describing


@pytest.mark.parametrize("kind", ["hf_vit", "hf_no_bias", "hf_deit", "hf_beit", "hf_beit_plain"])
def test_the_outline_equals_the_description(vits, kind, tmp_path):
    folder = vits.write(kind, tmp_path / "c")

    assert outline(str(folder)) == Vit().describe(vits.make(kind))


def test_the_outline_needs_neither_torch_nor_transformers_nor_timm(vits, tmp_path):
    code = (
        "import sys; from instatune_plugins.adapters.vit_outline import outline; "
        "print([outline(p) is None for p in sys.argv[1:]], "
        "{'torch', 'transformers', 'timm'} & set(sys.modules))"
    )
    folders = [str(vits.write(kind, tmp_path / kind)) for kind in BOTH]

    done = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[True, False] set()"


def test_fused_weights_have_three_blocks_and_gated_ones_two(vits):
    anatomy = Vit().describe(vits.make("gated"))
    units = (group for group in anatomy.groups if group.kind != "embed")
    blocks = {cut.tensor: cut.blocks for group in units for cut in group.cuts}

    assert blocks["blocks.0.attn.qkv.weight"] == 3
    assert blocks["blocks.0.mlp.fc1.weight"] == 2
    assert blocks["blocks.0.attn.proj.weight"] == 1


def _norm(width):
    from timm.layers import RmsNorm

    return RmsNorm(width)


MISFITS = {
    "shape": (
        lambda m: setattr(m.blocks[1].mlp, "fc1", nn.Linear(24, 23)),
        r"axis 0 of tensor 'blocks\.1\.mlp\.fc1\.weight' has length 23",
    ),
    "stranger": (
        lambda m: m.blocks[0].register_parameter("extra", nn.Parameter(torch.zeros(4))),
        r"tensor 'blocks\.0\.extra' of shape \[4\] is not known",
    ),
    "missing": (
        lambda m: setattr(m.blocks[1].attn, "proj", nn.Identity()),
        r"tensor 'blocks\.1\.attn\.proj\.weight' is missing",
    ),
    "attention": (
        lambda m: setattr(m.blocks[1], "attn", nn.Linear(24, 24)),
        r"module 'blocks\.1\.attn' is a Linear, not an Attention",
    ),
    "norm": (
        lambda m: setattr(m.blocks[0].mlp, "norm", _norm(24)),
        r"module 'blocks\.0\.mlp\.norm' is a RmsNorm, not a LayerNorm",
    ),
    "empty": (lambda m: setattr(m, "blocks", nn.Sequential()), "module 'blocks' has no layers"),
    "patches": (
        lambda m: setattr(m.patch_embed, "proj", nn.Identity()),
        r"tensor 'patch_embed\.proj\.weight' is missing",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_model_that_differs_is_refused_by_the_first_difference(vits, case):
    change, message = MISFITS[case]
    model = vits.make("vit")
    change(model)

    with pytest.raises(CheckpointError, match=message):
        Vit().describe(model)


def test_models_of_other_families_are_refused(vits):
    import timm
    from transformers import ViTConfig, ViTModel

    plain = ViTModel(ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2))
    for model in (nn.Linear(2, 2), timm.create_model("test_resnet"), plain):
        with pytest.raises(CheckpointError, match="is not built as vision transformers are"):
            Vit().describe(model)


# assets


@pytest.mark.parametrize("kind", ["deit", "beit3", "hf_vit", "hf_deit", "hf_beit"])
def test_assets_bring_back_the_model_its_labels_and_its_processing(vits, kind, tmp_path, seeded):
    adapter = Vit()
    folder = str(vits.write(kind, tmp_path / "c"))
    model, processor = adapter.load(folder, 3, seeded()), adapter.processor(folder)
    adapter.name_outputs(model, ("cat", "dog", "owl"))
    (tmp_path / "out").mkdir()

    adapter.save_assets(model, processor, tmp_path / "out")
    rebuilt = Vit().skeleton(tmp_path / "out")

    assert adapter.describe(rebuilt) == adapter.describe(model)
    assert Vit().processor(str(tmp_path / "out")) == processor
    assert not list((tmp_path / "out").glob("*.safetensors"))
    config = (tmp_path / "out" / "config.json").read_text()
    assert "owl" in config
    assert "weight_init" not in config


def test_processing_of_transformers_is_translated(vits, tmp_path):
    folder = vits.write("hf_vit", tmp_path / "c")
    settings = {
        "size": {"height": 20, "width": 20},
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.4, 0.5, 0.6],
    }
    assert Vit().processor(str(folder))["mean"] == (0.5, 0.5, 0.5)

    (folder / "preprocessor_config.json").write_text(json.dumps(settings))

    assert Vit().processor(str(folder)) == {
        "input_size": (3, 16, 16),
        "interpolation": "bicubic",
        "mean": (0.1, 0.2, 0.3),
        "std": (0.4, 0.5, 0.6),
        "crop_pct": 0.8,
        "crop_mode": "squash",
    }


# errors


def unlink(name):
    return lambda folder, edit: (folder / name).unlink()


def cut(folder, edit):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def drop(end):
    def change(tensors):
        tensors.pop(next(name for name in tensors if name.endswith(end)))

    return lambda folder, edit: edit_weights(folder, change)


def settings(**changes):
    return lambda folder, edit: edit(folder, **changes)


DAMAGES = {
    "gone": ("vit", lambda f, e: f.rename(f.parent / "x"), "no such folder or .safetensors file"),
    "config": ("vit", lambda f, e: (f / "config.json").write_text("{"), "cannot be read"),
    "list": ("vit", lambda f, e: (f / "config.json").write_text("[]"), "holds no settings"),
    "family": ("hf_vit", settings(model_type="swin"), "model_type is 'swin', adapter 'vit' fits"),
    "weights": ("vit", unlink("model.safetensors"), r"has no weights; model\.safetensors must be"),
    "weights, hf": ("hf_vit", unlink("model.safetensors"), "has no weights; .* pretrained: false"),
    "cut": ("vit", cut, r"model\.safetensors is damaged \(.*\); download it again"),
    "cut, hf": ("hf_vit", cut, r"cannot be loaded \(.*\); download it again"),
    "part": (
        "vit",
        drop("blocks.1.norm1.bias"),
        r"is not a vit_tiny_patch16_224: tensor 'blocks\.1\.norm1\.bias' is missing in the file, "
        r"but \[24\] in the model; name its own arch",
    ),
    "part, hf": (
        "hf_vit",
        drop("layer.1.intermediate.dense.bias"),  # files keep the names of older versions
        r"do not cover what config\.json describes: vit\.layers\.1\.mlp\.fc1\.bias is missing",
    ),
    "unknown": ("vit", settings(architecture="vit_tinny_patch16_224"), "did you mean vit_tiny_p"),
    "nonsense": ("vit", settings(architecture="qqq"), r"has no model 'qqq'; see timm\.list_models"),
    "resnet": ("vit", settings(architecture="resnet18", model_args={}), "resnet18 (is a|cannot)"),
    "argument": ("vit", settings(model_args={"wings": 2}), r"cannot be built \(.*wings"),
    "depth": (
        "vit",
        settings(model_args={"embed_dim": 24, "depth": 1, "num_heads": 4, "img_size": 16,
                             "patch_size": 8, "mlp_ratio": 1.0}),
        r"tensor 'blocks\.1\.attn\.proj\.bias' is \[24\] in the file, but missing in the model",
    ),
    "heads": ("hf_vit", settings(num_attention_heads=5), "hidden_size 24 is not a multiple of num"),
    "size": ("hf_vit", settings(num_hidden_layers=0), "num_hidden_layers is 0; a positive number"),
    "patch": ("hf_vit", settings(patch_size="8"), "patch_size is '8'; a positive number"),
    "large": ("hf_vit", settings(patch_size=32), r"patch_size \[32, 32\] is larger than image_siz"),
    "type": ("hf_vit", settings(layer_norm_eps="small"), r"config\.json is wrong \("),
    "shared": (
        "hf_beit",
        settings(use_shared_relative_position_bias=True),
        "use_shared_relative_position_bias ties the heads of all layers together",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_a_bad_checkpoint_gives_one_clear_error(vits, case, tmp_path, seeded, edit):
    kind, damage, message = DAMAGES[case]
    folder = vits.write(kind, tmp_path / "c")
    damage(folder, edit)

    with pytest.raises(CheckpointError, match=message) as caught:
        Vit().load(str(folder), 2, seeded())

    assert "\n" not in str(caught.value)


def test_weights_of_another_patch_grid_are_refused(vits, tmp_path, seeded):
    folder = vits.write("vit", tmp_path / "c")
    edit_weights(folder, lambda t: t.update({"pos_embed": torch.zeros(24)}))
    with pytest.raises(CheckpointError, match=r"does not fit vit_tiny_patch16_224.*own arch"):
        Vit().load(str(folder), 2, seeded())


def test_two_names_of_one_model_are_refused(vits, tmp_path, seeded):
    folder = str(vits.write("vit", tmp_path / "c"))
    with pytest.raises(CheckpointError, match="the setting arch says 'test_vit'; leave arch out"):
        Vit(VitAdapterConfig(arch="test_vit")).load(folder, 2, seeded())


def test_a_config_cannot_make_timm_load_files(vits, tmp_path, seeded, edit):
    folder = vits.write("vit", tmp_path / "c")
    args = json.loads((folder / "config.json").read_text())["model_args"]
    edit(folder, model_args={**args, "checkpoint_path": "/evil.bin", "pretrained": True})

    Vit().load(str(folder), 3, seeded())


def test_a_skeleton_without_the_number_of_classes_is_refused(vits, tmp_path, edit):
    folder = vits.write("vit", tmp_path / "c")
    edit(folder, num_classes=None)
    with pytest.raises(CheckpointError, match=r"config\.json has no num_classes"):
        Vit().skeleton(folder)


def test_a_name_that_no_hub_knows_is_refused(seeded, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="checkpoint no/such-model: cannot be loaded"):
        Vit().load("no/such-model", 2, seeded())


def test_sizes_that_are_left_out_are_those_of_the_base_model():
    anatomy = transformers_anatomy({"model_type": "vit"}, 1000)

    assert anatomy.group("ffn.11").units == 3072
    assert anatomy.tokens == 197
    assert anatomy.shapes["vit.embeddings.position_embeddings"] == (1, 197, 768)

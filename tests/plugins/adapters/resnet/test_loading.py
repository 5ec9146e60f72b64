"""Checkpoints of all forms, and refusing the rest clearly."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError, SpaceError
from instatune.plugin.manager import discover
from instatune_plugins.adapters.resnet import Resnet
from instatune_plugins.adapters.resnet_config import ResnetAdapterConfig
from instatune_plugins.dimensions import WidthConfig
from instatune_plugins.dimensions.channels import Channels


def adapter(**settings):
    return Resnet(ResnetAdapterConfig(**settings))


def edit_weights(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


# loading


@pytest.mark.parametrize("kind", ["bottleneck", "cifar"])
def test_published_weights_and_statistics_are_all_there_and_the_head_is_new(
    resnets, kind, tmp_path, seeded
):
    folder = str(resnets.write(kind, tmp_path / "c"))
    published = resnets.make(kind).state_dict()
    state = torch.get_rng_state()

    loaded, again, other = (Resnet().load(folder, 5, seeded(s)) for s in (0, 0, 1))

    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in loaded.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(tensor, published[name]), name
    assert loaded.fc.weight.shape[0] == 5
    assert torch.equal(loaded.fc.weight, again.fc.weight)
    assert not torch.equal(loaded.fc.weight, other.fc.weight)
    assert 0.003 < loaded.fc.weight.std() < 0.03
    assert not loaded.training


def test_a_head_of_the_same_size_is_kept(resnets, tmp_path, seeded):
    folder = resnets.write("cifar", tmp_path / "c", 4)

    model = Resnet().load(str(folder), 4, seeded())

    assert torch.equal(model.fc.weight, load_file(folder / "model.safetensors")["fc.weight"])


def test_files_of_akamaster_are_read_as_they_are(resnets, tmp_path, seeded):
    model = resnets.make("cifar", 10)
    tensors = {
        name.replace("fc.", "linear."): tensor.half()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    file = tmp_path / "resnet14.safetensors"
    save_file(tensors, file)
    settings = {"arch": "cifar_resnet14", "model_args": {"width": 6}}

    loaded = adapter(**settings).load(str(file), 10, seeded())

    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    with torch.no_grad():
        gap = loaded(resnets.images()["pixel_values"]) - model(resnets.images()["pixel_values"])
    assert gap.abs().max() < 0.05  # half precision
    with pytest.raises(CheckpointError, match=r"do not say what they are; name the model: `adap"):
        Resnet().load(str(file), 10, seeded())


def test_a_shortcut_without_weights_takes_every_second_pixel_and_adds_channels_of_zeros():
    from instatune_plugins.adapters.resnet_cifar import PaddedShortcut

    x = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)

    y = PaddedShortcut(5)(x)

    assert y.shape == (1, 5, 2, 2)
    assert torch.equal(y[0, 1], torch.tensor([[0.0, 2.0], [8.0, 10.0]]))
    assert not y[0, [0, 3, 4]].any()


def test_random_weights_need_no_more_than_a_name(seeded):
    small = adapter(pretrained=False, model_args={"width": 4}, image_size=16)

    first, again, other = (small.load("cifar_resnet8", 3, seeded(s)) for s in (0, 0, 1))

    assert torch.equal(first.layer1[0].conv1.weight, again.layer1[0].conv1.weight)
    assert not torch.equal(first.layer1[0].conv1.weight, other.layer1[0].conv1.weight)
    assert small.processor("cifar_resnet8")["input_size"] == (3, 16, 16)
    work = {item.weight: item.positions for item in small.describe(first).work}
    assert work["layer1.0.conv1.weight"] == 256
    assert work["layer3.0.conv2.weight"] == 16
    assert work["fc.weight"] == 1


def test_names_of_timm_and_of_the_hub_are_downloaded(resnets, tmp_path, seeded, monkeypatch):
    folder = resnets.write("basic", tmp_path / "c")
    asked = []

    def fetch(name, *, revision, allow_patterns):
        asked.append((name, revision))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)

    for name in ("resnet18", "someone/resnet18"):
        assert adapter(revision="v2").load(name, 3, seeded()).fc.weight.shape == (3, 12)

    assert asked == [("timm/resnet18.a1_in1k", "v2"), ("someone/resnet18", "v2")]
    with pytest.raises(
        CheckpointError, match=r"timm knows of no weights for this model; give a \."
    ):
        Resnet().load("cifar_resnet20", 3, seeded())


# describing


def _block(**changes):
    from timm.models.resnet import Bottleneck

    return Bottleneck(24, 6, **changes)


def _renormed(model):
    model.layer3[1].bn1 = nn.GroupNorm(1, 10)


def _blurred(model):
    from timm.layers import BlurPool2d

    model.layer2[0].aa = BlurPool2d(8)


MISFITS = {
    "block": (
        lambda m: m.layer1.__setitem__(1, nn.Identity()),
        r"module 'layer1\.1' is a Identity, not a BasicBlock or Bottleneck of timm; choose a plain",
    ),
    "norm": (_renormed, r"module 'layer3\.1\.bn1' is a GroupNorm, not a BatchNorm, which treats"),
    "blur": (_blurred, r"module 'layer2\.0\.aa' is a BlurPool2d, which has a filter for each chan"),
    "convolution": (
        lambda m: setattr(m.layer1[1], "conv2", nn.Linear(6, 6)),
        r"module 'layer1\.1\.conv2' is a Linear, not a plain Conv2d",
    ),
    "width": (
        lambda m: m.layer1.__setitem__(1, _block(reduce_first=2)),
        r"module 'layer1\.1\.conv1' has 3 outputs, but 'layer1\.1\.conv3' reads 6; both must be",
    ),
    "groups": (
        lambda m: m.layer1.__setitem__(1, _block(cardinality=2)),
        r"module 'layer1\.1\.conv2' is a Conv2d, of 2 groups of channels, which cannot be cut apar",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_model_that_differs_is_refused_by_the_first_difference(resnets, case):
    change, message = MISFITS[case]
    model = resnets.make("basic")
    change(model)

    with pytest.raises(CheckpointError, match=message):
        Resnet().describe(model)


def test_grouped_convolutions_are_refused_by_name():
    import timm

    with torch.device("meta"):
        model = timm.create_model("resnext50_32x4d")

    with pytest.raises(CheckpointError, match=r"'layer1\.0\.conv2' is a Conv2d, of 32 groups"):
        Resnet().describe(model)


def test_models_of_other_families_are_refused():
    with pytest.raises(CheckpointError, match="Linear is not built as ResNets are: adapter 'resne"):
        Resnet().describe(nn.Linear(2, 2))


def test_both_sides_of_the_inner_convolution_of_a_bottleneck_are_read(resnets):
    group = Resnet().describe(resnets.make("bottleneck")).groups[1]

    assert (group.name, group.kind, group.units) == ("channels.layer1.1", "channels", 6)
    assert [cut.tensor for cut in group.readers] == [
        "layer1.1.conv3.weight",
        "layer1.1.conv2.weight",
    ]
    assert {(cut.tensor, cut.axis) for cut in group.cuts} == {
        *((f"layer1.1.conv{n}.weight", 0) for n in (1, 2)),
        *((f"layer1.1.conv{n}.weight", 1) for n in (2, 3)),
        *((f"layer1.1.bn{n}.{p}", 0) for n in (1, 2) for p in ("weight", "bias")),
        *((f"layer1.1.bn{n}.running_{p}", 0) for n in (1, 2) for p in ("mean", "var")),
    }


# the dimension


def test_channels_have_a_gene_for_each_block(resnets):
    anatomy = Resnet().describe(resnets.make("cifar"))

    genes = Channels(WidthConfig(ratio=(0.5, 1.0), divisor=2)).genes(anatomy)

    assert [(g.name, g.choices, g.stack, g.layer) for g in genes[1:3]] == [
        ("channels.layer1.1", (4, 6), "layer1", 1),
        ("channels.layer2.0", (6, 12), "layer2", 0),
    ]
    with pytest.raises(SpaceError, match=r"10 channels, but channels\.layer1\.0 has 6; use val"):
        Channels(WidthConfig(choices=(10, 12))).genes(anatomy)


# assets


@pytest.mark.parametrize("kind", ["deep_stem", "cifar"])
def test_assets_bring_back_the_model_its_labels_and_its_processing(resnets, kind, tmp_path, seeded):
    sized = adapter(image_size=64)
    folder = str(resnets.write(kind, tmp_path / "c"))
    model, processor = sized.load(folder, 3, seeded()), sized.processor(folder)
    sized.name_outputs(model, ("cat", "dog", "owl"))
    (tmp_path / "out").mkdir()

    sized.save_assets(model, processor, tmp_path / "out")
    rebuilt = Resnet().skeleton(tmp_path / "out")

    assert processor["input_size"][1:] == (64, 64)
    assert Resnet().describe(rebuilt) == sized.describe(model)
    assert Resnet().processor(str(tmp_path / "out")) == processor
    assert "owl" in (tmp_path / "out" / "config.json").read_text()


# errors


def unlink(name):
    return lambda folder, edit: (folder / name).unlink()


def cut(folder, edit):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def drop(name):
    return lambda folder, edit: edit_weights(folder, lambda tensors: tensors.pop(name))


def settings(**changes):
    return lambda folder, edit: edit(folder, **changes)


DAMAGES = {
    "gone": (lambda f, e: f.rename(f.parent / "x"), "no such folder or .safetensors file"),
    "config": (lambda f, e: (f / "config.json").write_text("{"), "cannot be read"),
    "library": (
        lambda f, e: (f / "config.json").write_text('{"model_type": "resnet"}'),
        r"config\.json is not one of timm \(model_type is 'resnet'\), adapter 'resnet' fits",
    ),
    "weights": (unlink("model.safetensors"), r"has no weights; model\.safetensors must be there"),
    "cut": (cut, r"model\.safetensors is damaged \(.*\); download it again"),
    "part": (
        drop("layer1.1.bn1.running_mean"),
        r"is not a resnet18: tensor 'layer1\.1\.bn1\.running_mean' is missing in the file, but \[6",
    ),
    "unknown": (settings(architecture="resnet_18"), "has no model 'resnet_18'; did you mean"),
    "transformer": (
        settings(architecture="vit_tiny_patch16_224", model_args={}),
        "vit_tiny_patch16_224 is a VisionTransformer, adapter 'resnet' fits ResNets; choose anothe",
    ),
    "argument": (settings(model_args={"wings": 2}), r"cannot be built \(.*wings"),
    "classes": (settings(num_classes=None), None),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_bad_checkpoint_gives_one_clear_error(resnets, case, tmp_path, seeded, edit):
    damage, message = DAMAGES[case]
    folder = resnets.write("basic", tmp_path / "c")
    damage(folder, edit)
    if message is None:  # only a saved network must tell of its classes
        with pytest.raises(CheckpointError, match=r"config\.json has no num_classes"):
            Resnet().skeleton(folder)
        return

    with pytest.raises(CheckpointError, match=message) as caught:
        Resnet().load(str(folder), 2, seeded())

    assert "\n" not in str(caught.value)


def test_sizes_beside_a_config_are_refused(resnets, tmp_path, seeded):
    folder = str(resnets.write("cifar", tmp_path / "c"))

    with pytest.raises(CheckpointError, match=r"says how the model is built; leave model_args out"):
        adapter(model_args={"width": 4}).load(folder, 3, seeded())
    with pytest.raises(CheckpointError, match=r"the setting arch says 'resnet18'; leave arch out"):
        adapter(arch="resnet18").load(folder, 3, seeded())


def test_adapter_and_dimension_are_offered():
    plugins = discover()

    assert plugins["adapters"].find("resnet").entry.requires == ("timm>=1.0.31",)
    assert plugins["dimensions"].find("channels").entry.effect == "width"

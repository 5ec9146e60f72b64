"""Slice = masked = extracted = reloaded, for every kind of vision transformer, and its counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Network
from instatune.space import Gene, counting
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.vit import Vit

ARCHITECTURES = 50
RELOADED = 5  # reading and writing files is the slow part
KINDS = (
    *("vit", "deit", "distilled", "beit3", "averaged", "registers", "gated"),
    *("hf_vit", "hf_no_bias", "hf_deit", "hf_beit", "hf_beit_plain"),
)


def make_supernet(model) -> Supernet:
    adapter = Vit()
    anatomy = adapter.describe(model)
    genes = [Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(range(1, group.units + 1)),
            effect="width",
            targets=(group.name,),
            stack="layers",
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind != "embed"
    ]
    space = search_space(anatomy, genes, {"layers": (1, 0)})
    return Supernet(model, anatomy, space, adapter.logits)


@pytest.fixture(params=KINDS)
def net(request, vits):
    return make_supernet(vits.make(request.param))


@pytest.fixture
def batch(net):
    channels = 1 if net.anatomy.shapes.get("patch_embed.proj.weight", (0, 3))[1] == 1 else 3
    generator = torch.Generator().manual_seed(1)
    return {"pixel_values": torch.randn(3, channels, 16, 16, generator=generator)}


def architectures(net):
    rows = net.space.sample(np.random.default_rng(0), ARCHITECTURES)
    return [net.space.largest, net.space.smallest, *net.space.decode(rows)]


@torch.no_grad()
def test_slices_masks_copies_and_files_compute_the_same(net, batch, tmp_path):
    for index, architecture in enumerate(architectures(net)):
        with net.active(architecture):
            expected = net.logits(batch)
        small = net.extract(architecture)
        found = {"extracted": net.forward(small, batch)}
        if net.maskable:
            with net.masked(architecture):
                found["masked"] = net.logits(batch)
        if index < RELOADED:
            network = Network(
                model=small,
                architecture=architecture,
                adapter=Vit(),
                adapter_name="vit@instatune",
                anatomy=net.anatomy,
                kept_units=net.space.kept_units(architecture),
                kept_layers=net.space.kept_layers(architecture),
                processor=None,
                labels=("a", "b", "c"),
                facts={},
            )
            save(network, tmp_path / architecture.key)
            found["reloaded"] = net.forward(load(tmp_path / architecture.key), batch)

        assert expected.shape == (3, 3)
        for form, logits in found.items():
            assert (logits - expected).abs().max() <= 1e-5, (form, architecture.as_dict())


def test_counts_are_those_of_the_extracted_network(net, batch):
    macs, parameters = counting.macs(net.anatomy), counting.parameters(net.anatomy)
    one = {"pixel_values": batch["pixel_values"][:1]}
    for architecture in architectures(net)[:6]:
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.forward(small, one)

        assert parameters.at(*kept) == sum(p.numel() for p in small.parameters())
        assert macs.at(*kept) == counter.get_total_flops() / 2


def test_gradients_of_a_slice_are_those_of_the_extracted_network(net, batch):
    architecture = architectures(net)[2]
    net.model.zero_grad()
    with net.active(architecture):
        net.logits(batch).square().sum().backward()
    small = net.extract(architecture)
    net.forward(small, batch).square().sum().backward()

    kept = net.space.kept_layers(architecture)["layers"]
    path = net.anatomy.stacks[0].path
    full = dict(net.model.named_parameters())
    for name, parameter in small.named_parameters():
        for place, layer in enumerate(kept):  # small ones are numbered from 0
            if name.startswith(f"{path}.{place}."):
                name = name.replace(f"{path}.{place}.", f"{path}.{layer}.", 1)
                break
        if parameter.grad is None:
            assert full[name].grad is None
            continue
        # What the slice does not hold must have no gradient, so that the norms are equal.
        torch.testing.assert_close(
            full[name].grad.norm(), parameter.grad.norm(), rtol=1e-4, atol=1e-5, msg=name
        )


@torch.no_grad()
def test_permuting_units_preserves_the_function(net, batch):
    expected = net.logits(batch)
    order = {g.name: torch.arange(g.units - 1, -1, -1) for g in net.anatomy.groups}

    permute.apply(net.model, net.anatomy, order)

    assert (net.logits(batch) - expected).abs().max() <= 1e-5


def test_only_norms_across_units_forbid_masking(vits):
    assert not make_supernet(vits.make("beit3")).maskable
    assert make_supernet(vits.make("vit")).maskable
    assert make_supernet(vits.make("registers")).maskable


@pytest.mark.parametrize(
    ("arch", "giga"),
    [
        ("vit_base_patch16_224", 17.56),
        ("beit3_base_patch16_224", 17.6),
        ("deit_tiny_patch16_224", 1.254),
        ("deit_base_distilled_patch16_224", 17.68),
    ],
)
def test_published_models_count_what_the_literature_and_torch_count(arch, giga):
    import timm

    with torch.device("meta"):
        model = timm.create_model(arch, weight_init="skip")
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, 224, 224))
    anatomy = Vit().describe(model)
    units = {group.name: group.units for group in anatomy.groups}
    layers = {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks}

    counted = counting.macs(anatomy).at(units, layers)

    assert counted == counter.get_total_flops() / 2
    assert counted / 1e9 == pytest.approx(giga, rel=0.003)

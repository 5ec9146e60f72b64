"""Slice = masked = extracted = reloaded, with statistics of its own or not, and its counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Network
from instatune.space import Gene, counting
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.calibration import statistics
from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.resnet import Resnet

ARCHITECTURES, FEW = 50, 8  # of the main kinds of blocks, and of their variants
RELOADED = 3  # reading and writing files is the slow part
KINDS = ("basic", "bottleneck", "deep_stem", "squeezed", "efficient", "cifar")


def make_supernet(model) -> Supernet:
    adapter = Resnet()
    anatomy = adapter.describe(model)
    genes = [
        Gene(
            name=f"depth.{stack.name}",
            choices=tuple(range(1, stack.layers + 1)),
            effect="depth",
            targets=(stack.name,),
        )
        for stack in anatomy.stacks
    ]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(range(1, group.units + 1)),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    return Supernet(model, anatomy, search_space(anatomy, genes), adapter.logits)


@pytest.fixture(params=KINDS)
def net(request, resnets):
    net = make_supernet(resnets.make(request.param))
    net.kind = request.param
    return net


@pytest.fixture
def batch(net, resnets):
    return resnets.images(net.kind)


@pytest.fixture
def batches(net, resnets):
    return [resnets.images(net.kind, count=4, seed=seed) for seed in (5, 6)]


def architectures(net):
    count = ARCHITECTURES if net.kind in ("bottleneck", "cifar") else FEW
    rows = net.space.sample(np.random.default_rng(0), count)
    return [net.space.largest, net.space.smallest, *net.space.decode(rows)]


def network(net, model, architecture) -> Network:
    return Network(
        model=model,
        architecture=architecture,
        adapter=Resnet(),
        adapter_name="resnet@instatune",
        anatomy=net.anatomy,
        kept_units=net.space.kept_units(architecture),
        kept_layers=net.space.kept_layers(architecture),
        processor=None,
        labels=("a", "b", "c"),
        facts={},
    )


def expect_equal(found, expected, what):
    gap = (found - expected).abs().max() / expected.abs().max().clamp(min=1.0)
    assert gap <= 1e-5, (what, float(gap))


@torch.no_grad()
def test_slices_masks_copies_and_files_compute_the_same(net, batch, tmp_path):
    for index, architecture in enumerate(architectures(net)):
        with net.active(architecture):
            expected = net.logits(batch)
        with net.masked(architecture):
            found = {"masked": net.logits(batch)}
        small = net.extract(architecture)
        found["extracted"] = net.forward(small, batch)
        if index < RELOADED:
            save(network(net, small, architecture), tmp_path / architecture.key)
            found["reloaded"] = net.forward(load(tmp_path / architecture.key), batch)

        assert expected.shape == (3, 3)
        for form, logits in found.items():
            expect_equal(logits, expected, (form, architecture.as_dict()))


@torch.no_grad()
def test_so_they_do_with_statistics_of_their_own(net, batch, batches, tmp_path):
    before = {name: buffer.clone() for name, buffer in net.model.named_buffers()}
    for index, architecture in enumerate(architectures(net)[:20]):
        with net.active(architecture):
            shared = net.logits(batch)
            own = statistics(net.model, batches, net.forward)
        with net.active(architecture, own):
            expected = net.logits(batch)
        # Worked out with all units, the channels left out included.
        with net.masked(architecture), statistics(net.model, batches, net.forward).standing():
            found = {"masked": net.logits(batch)}
        small = net.extract(architecture, own)
        found["extracted"] = net.forward(small, batch)
        if index < RELOADED:
            save(network(net, small, architecture), tmp_path / architecture.key)
            found["reloaded"] = net.forward(load(tmp_path / architecture.key), batch)

        for form, logits in found.items():
            expect_equal(logits, expected, (form, architecture.as_dict()))
        assert not torch.allclose(shared, expected, atol=1e-3)
    for name, buffer in net.model.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_counts_are_those_of_the_extracted_network(net, batch):
    macs, parameters = counting.macs(net.anatomy), counting.parameters(net.anatomy)
    one = {"pixel_values": batch["pixel_values"][:1]}
    for architecture in architectures(net)[:8]:
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.forward(small, one)

        assert parameters.at(*kept) == sum(p.numel() for p in small.parameters())
        assert macs.at(*kept) == counter.get_total_flops() / 2


def test_gradients_of_a_slice_are_those_of_the_extracted_network(net, batch):
    architecture = architectures(net)[2]
    small = net.extract(architecture).train()
    net.model.train().zero_grad()
    with net.active(architecture):
        net.logits(batch).square().sum().backward()
    net.forward(small, batch).square().sum().backward()

    full = dict(net.model.named_parameters())
    kept = net.space.kept_layers(architecture)
    for name, parameter in small.named_parameters():
        stage, _, rest = name.partition(".")
        if stage in kept:  # small ones are numbered from 0
            place, _, rest = rest.partition(".")
            name = f"{stage}.{kept[stage][int(place)]}.{rest}"
        # What the slice does not hold must have no gradient, so that the norms are equal.
        torch.testing.assert_close(
            full[name].grad.norm(), parameter.grad.norm(), rtol=1e-3, atol=1e-4, msg=name
        )


def test_training_a_slice_updates_the_shared_statistics_of_its_channels(net, batch):
    architecture = net.space.smallest
    before = {name: buffer.clone() for name, buffer in net.model.named_buffers()}
    net.model.train()
    small = net.extract(architecture)
    with net.active(architecture):
        net.logits(batch)
    net.forward(small, batch)

    path = "layer1.0.bn1"
    after, alone = dict(net.model.named_buffers()), dict(small.named_buffers())
    for name in ("running_mean", "running_var"):
        shared = after[f"{path}.{name}"]
        torch.testing.assert_close(shared[:1], alone[f"{path}.{name}"])
        assert not torch.equal(shared[:1], before[f"{path}.{name}"][:1])
        assert torch.equal(shared[1:], before[f"{path}.{name}"][1:])
    tracked = f"{path}.num_batches_tracked"
    assert after[tracked] == before[tracked] + 1


@torch.no_grad()
def test_permuting_units_preserves_the_function(net, batch):
    expected = net.logits(batch)
    order = {g.name: torch.arange(g.units - 1, -1, -1) for g in net.anatomy.groups}

    permute.apply(net.model, net.anatomy, order)

    expect_equal(net.logits(batch), expected, "permuted")


def test_blocks_that_change_the_size_must_stay(resnets):
    required = {
        kind: [stack.required for stack in Resnet().describe(resnets.make(kind)).stacks]
        for kind in ("basic", "bottleneck", "cifar")
    }

    assert required == {
        # The stem has 64 channels, the first stage 6.
        "basic": [(0,), (0,), (0,), (0,)],
        "bottleneck": [(0,), (0,), (0,), (0,)],
        "cifar": [(), (0,), (0,)],
    }


@pytest.mark.parametrize(
    ("arch", "size", "giga", "mega"),
    [
        # He et al., CVPR 2016, tables 1 and 6; timm puts the stride of bottlenecks into the 3 x 3
        # convolution, as ResNet "v1.5" does, hence 4.1 instead of 3.8 G.
        ("resnet18", 224, 1.81, 11.69),
        ("resnet50", 224, 4.09, 25.56),
        ("cifar_resnet20", 32, 0.0406, 0.27),
        ("cifar_resnet56", 32, 0.1255, 0.85),
    ],
)
def test_published_models_count_what_the_literature_and_torch_count(arch, size, giga, mega):
    import timm

    with torch.device("meta"):
        model = timm.create_model(arch).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, size, size))
    anatomy = Resnet().describe(model)
    whole = (
        {group.name: group.units for group in anatomy.groups},
        {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks},
    )

    counted = counting.macs(anatomy).at(*whole)

    assert counted == counter.get_total_flops() / 2
    assert counted / 1e9 == pytest.approx(giga, rel=0.005)
    assert counting.parameters(anatomy).at(*whole) / 1e6 == pytest.approx(mega, rel=0.02)

"""Slice = masked = extracted = reloaded, with statistics of its own or not, and its counts."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from instatune.space import counting
from instatune.supernet.calibration import statistics
from instatune_plugins.adapters.resnet import Resnet

ARCHITECTURES, FEW = 50, 8  # of the main kinds of blocks, and of their variants
RELOADED = 3  # reading and writing files is the slow part
KINDS = ("basic", "bottleneck", "deep_stem", "squeezed", "efficient", "cifar")


@pytest.fixture(scope="session")
def exact(exactness):
    return exactness(adapter=Resnet(), name="resnet", relative=True)


@pytest.fixture(params=KINDS)
def net(request, exact, resnets):
    net = exact.supernet(resnets.make(request.param))
    net.kind = request.param
    return net


@pytest.fixture
def batch(net, resnets):
    return resnets.images(net.kind)


@pytest.fixture
def batches(net, resnets):
    return [resnets.images(net.kind, count=4, seed=seed) for seed in (5, 6)]


def count(net):
    return ARCHITECTURES if net.kind in ("bottleneck", "cifar") else FEW


def test_slices_masks_copies_and_files_compute_the_same(exact, net, batch, tmp_path):
    assert net.maskable
    exact.check_forms(net, batch, tmp_path, count(net), RELOADED)


@torch.no_grad()
def test_so_they_do_with_statistics_of_their_own(exact, net, batch, batches, tmp_path):
    before = {name: buffer.clone() for name, buffer in net.model.named_buffers()}
    for index, architecture in enumerate(exact.architectures(net, min(18, count(net)))):
        with net.active(architecture):
            shared = net.logits(batch)
            own = statistics(net.model, batches, net.forward)
        with net.active(architecture, own):
            expected = net.logits(batch)
        # Worked out with all units, the channels left out included.
        with net.masked(architecture), statistics(net.model, batches, net.forward).standing():
            found = {"masked": net.logits(batch)}
        small = exact.network(net, architecture, own)
        found["extracted"] = net.forward(small.model, batch)
        if index < RELOADED:
            found["reloaded"] = net.forward(exact.reloaded(small, tmp_path), batch)

        for form, logits in found.items():
            exact.equal(logits, expected, (form, architecture.as_dict()))
        assert not torch.allclose(shared, expected, atol=1e-3)
    for name, buffer in net.model.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_counts_are_those_of_the_extracted_network(exact, net, batch):
    exact.check_counts(net, {"pixel_values": batch["pixel_values"][:1]}, count=6)


def test_gradients_of_a_slice_are_those_of_the_extracted_network(exact, net, batch):
    net.model.train()

    exact.check_gradients(net, batch, rtol=1e-3, atol=1e-4)


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


def test_permuting_units_preserves_the_function(exact, net, batch):
    exact.check_permuting(net, batch)


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

"""Simulated networks: kernels for integers and rounded floats agree, and nothing stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from instatune.testing import tiny
from instatune_plugins.quantizers import _onednn
from instatune_plugins.quantizers._grid import Grid, floats_of, integers_of, scales_of

needs_kernels = pytest.mark.skipif(not _onednn.works(), reason="no exact products of bytes here")


def simulated(models, quantizer, model, policy, batch):
    ranges = quantizer.observe(model, models.run, [batch])
    with quantizer.simulation(model, policy, ranges).standing():
        return models.run(model, batch)


@needs_kernels
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", ["conv", "grouped", "reflected", "named", "words", "up", "down"])
def test_one_module_gives_the_same_with_integers_and_with_rounded_floats(models, name, bits):
    model, batch = models.filled(models.Mixed()), models.pictures_and_words()

    found = simulated(models, models.int8(), model, {name: bits}, batch)

    wanted = simulated(models, models.int8(kernels="fake"), model, {name: bits}, batch)
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert not torch.equal(wanted, models.run(model, batch))


@needs_kernels
@pytest.mark.parametrize("bits", [4, 8])
def test_kernels_are_used_where_they_can(models, monkeypatch, bits):
    used = []
    for name in ("linear", "convolution"):
        original = getattr(_onednn, name)
        monkeypatch.setattr(
            _onednn,
            name,
            lambda *a, name=name, original=original: used.append(name) or original(*a),
        )
    model, batch = models.filled(models.Mixed()), models.pictures_and_words()
    policy = dict.fromkeys(models.NAMES, bits)

    simulated(models, models.int8(kernels="fake"), model, policy, batch)
    assert used == []
    simulated(models, models.int8(), model, policy, batch)

    # The paddings of two convolutions are beyond the kernel.
    assert sorted(used) == ["convolution"] * 2 + ["linear"] * 2


def test_floats_are_computed_with_where_kernels_are_not_exact(models, monkeypatch):
    model, batch = models.filled(models.Mixed()), models.pictures_and_words()
    policy = dict.fromkeys(models.NAMES, 8)
    wanted = simulated(models, models.int8(kernels="fake"), model, policy, batch)
    monkeypatch.setattr(_onednn, "works", lambda: False)

    assert torch.equal(simulated(models, models.int8(), model, policy, batch), wanted)


@pytest.mark.parametrize("fault", ["missing", "wrong"])
def test_kernels_that_are_missing_or_wrong_are_noticed(monkeypatch, fault):
    def product(*arguments):
        if fault == "missing":
            raise NotImplementedError
        return lambda x: torch.zeros(len(x), 2)

    monkeypatch.setattr(_onednn, "linear", product)

    assert not _onednn.works.__wrapped__()


@needs_kernels
@pytest.mark.parametrize("shape", [(16,), (3, 16), (2, 3, 16), (0, 16), (3, 2, 16)])
def test_inputs_of_any_shape_are_multiplied(shape):
    weight = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    scales, grid, bias = scales_of(weight), Grid(0.02, 100), torch.arange(5.0)
    integers = integers_of(weight, scales)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    x = x.transpose(0, 1) if shape == (3, 2, 16) else x  # not contiguous

    found = _onednn.linear(integers, scales, bias, grid)(x)

    wanted = nn.functional.linear(grid.rounded(x), floats_of(integers, scales), bias)
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, atol=1e-5)


@needs_kernels
def test_one_picture_without_a_batch_is_convolved(models):
    conv, image = models.filled(models.Mixed()).conv, models.pictures_and_words()["image"][0]
    scales, grid = scales_of(conv.weight), Grid(0.03, 90)
    integers, bias = integers_of(conv.weight, scales), conv.bias.detach()

    found = _onednn.convolution(conv, integers, scales, bias, grid)(image)

    wanted = conv._conv_forward(grid.rounded(image), floats_of(integers, scales), bias)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert found.is_contiguous()


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("kernels", ["auto", "fake"])
def test_autocast_around_it_changes_nothing_inside(models, bits, kernels):
    quantizer, x = models.int8(kernels=kernels), torch.linspace(-1, 1, 24).view(4, 6)
    model = models.filled(nn.Sequential(nn.Linear(6, 3)))
    ranges = {"0": (-1.0, 1.0)}
    simulation = quantizer.simulation(model, {"0": bits}, ranges)
    copy = quantizer.quantize(model, {"0": bits}, ranges)
    with simulation.standing():
        wanted = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, stored = model(x), copy(x)

    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)
    assert torch.allclose(stored, wanted, atol=1e-5)
    assert not found.requires_grad


def test_simulations_can_stand_inside_each_other(models):
    quantizer, model = models.int8(kernels="fake"), models.filled(models.Mixed())
    batch, ranges = models.pictures_and_words(), {"up": (-3.0, 3.0), "down": (-3.0, 3.0)}
    first = quantizer.simulation(model, {"up": 8}, ranges)
    second = quantizer.simulation(model, {"up": 16, "down": 8}, ranges)
    with first.standing():
        wanted = models.run(model, batch)
        with second.standing(), first.standing(), second.standing():
            inner = models.run(model, batch)
        assert torch.equal(models.run(model, batch), wanted)

    assert not torch.equal(inner, wanted)
    assert all("forward" not in vars(module) for module in model.modules())


def test_what_was_prepared_in_inference_mode_works_outside_of_it(models):
    quantizer, model = models.int8(), models.filled(models.Tied())
    batch = models.words()
    with torch.inference_mode():
        ranges = quantizer.observe(model, models.run, [batch])
        simulation = quantizer.simulation(model, {"body": 8, "table": 16}, ranges)
        copy = quantizer.quantize(model, {"body": 8, "table": 16}, ranges)
    with simulation.standing():
        model(**batch)

    assert not any(tensor.is_inference() for tensor in copy.state_dict().values())


def test_bfloat16_factors_are_rounded_once(models):
    linear = models.filled(nn.Sequential(nn.Linear(6, 3)))
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))
    with models.int8().simulation(linear, {"0": 16}, {"0": (0.0, 0.0)}).standing():
        found = linear(x)

    weight = linear[0].weight.detach().bfloat16().double()
    wanted = x.bfloat16().double() @ weight.t()
    # The product is bfloat16 too: 8 bits of mantissa.
    assert ((found - linear[0].bias) - wanted).abs().max() <= wanted.abs().max() * 2**-7
    assert not torch.equal(found, torch.nn.functional.linear(x, *linear[0].parameters()))


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_a_slice_equals_what_is_cut_out_of_the_super_network(models, bits):
    whole, quantizer = tiny.supernet(), models.int8(kernels="fake")
    batches = tiny.batches()
    for architecture in (whole.space.smallest, whole.space.largest):
        with torch.inference_mode(), whole.active(architecture) as model:
            ranges = quantizer.observe(model, whole.forward, batches)
            policy = dict.fromkeys(ranges, bits)
            simulation = quantizer.simulation(model, policy, ranges)
            with simulation.standing():
                found = whole.forward(model, batches[0])
        small = whole.extract(architecture).eval()
        with torch.inference_mode():
            wanted = whole.forward(quantizer.quantize(small, policy, ranges), batches[0])
        assert torch.allclose(found, wanted, atol=1e-5)

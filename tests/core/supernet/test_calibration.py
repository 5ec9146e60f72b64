"""Statistics of batch normalisation, worked out anew for one network."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from instatune.space import Anatomy, Cut, Gene, Group, Work
from instatune.supernet.build import search_space
from instatune.supernet.calibration import Statistics, normalisations, statistics
from instatune.supernet.supernet import Supernet

WIDTH = 6


def make_model(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(4, WIDTH),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(WIDTH, 3),
            nn.BatchNorm1d(3, momentum=0.3),
            nn.BatchNorm1d(3, track_running_stats=False),
        )
        for norm in normalisations(model):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    return model.eval()


def make_supernet(model):
    cuts = (Cut("0.weight", 0), Cut("0.bias", 0), Cut("4.weight", 1))
    cuts += tuple(Cut(f"1.{n}", 0) for n in ("weight", "bias", "running_mean", "running_var"))
    group = Group(name="inner", kind="inner", units=WIDTH, cuts=cuts, outgoing=cuts[2])
    anatomy = Anatomy(
        family="toy",
        stacks=(),
        groups=(group,),
        shapes={name: tuple(p.shape) for name, p in model.named_parameters()},
        work=(Work("0.weight"), Work("4.weight")),
        tokens=1,
    )
    gene = Gene(
        name="inner", choices=tuple(range(1, WIDTH + 1)), effect="width", targets=("inner",)
    )
    return Supernet(model, anatomy, search_space(anatomy, (gene,)), run)


def run(model, batch):
    return model(batch["x"])


def make_batches(count=3, size=5, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [{"x": torch.randn(size, 4, generator=generator)} for _ in range(count)]


def state(model):
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [(m.training, getattr(m, "momentum", None)) for m in model.modules()]
    return tensors, modes


def expect_state(model, before):
    tensors, modes = state(model)
    assert modes == before[1]
    for name, tensor in tensors.items():
        assert torch.equal(tensor, before[0][name]), name


@settings(max_examples=25, deadline=None)
@given(st.integers(1, WIDTH), st.integers(1, 4), st.integers(0, 100), st.booleans())
def test_they_are_the_means_over_batches_of_what_each_batch_has(kept, count, seed, training):
    model = make_model(seed)
    net = make_supernet(model)
    model.train(training)
    batches, before = make_batches(count, seed=seed), state(model)

    with net.active(net.space.architecture({"inner": kept})):
        own = statistics(model, batches, run)

    expect_state(model, before)
    hidden = [model[0](batch["x"])[:, :kept] for batch in batches]
    first = dict(own.buffers[0][1])
    assert own.buffers[0][0] is model[1]
    torch.testing.assert_close(first["running_mean"], sum(h.mean(0) for h in hidden) / count)
    torch.testing.assert_close(first["running_var"], sum(h.var(0) for h in hidden) / count)
    assert first["num_batches_tracked"] == count
    # What comes behind sees a batch normalised by its own numbers, and nothing dropped out.
    weight, bias = model[1].weight[:kept], model[1].bias[:kept]
    shown = [(h - h.mean(0)) / (h.var(0, correction=0) + model[1].eps).sqrt() for h in hidden]
    behind = [(s * weight + bias).relu() @ model[4].weight[:, :kept].T for s in shown]
    means = sum(h.mean(0) for h in behind) / count + model[4].bias
    torch.testing.assert_close(own.buffers[1][1]["running_mean"], means, rtol=1e-4, atol=1e-5)


def test_they_stand_in_the_slice_and_in_the_copy_and_nowhere_else():
    model = make_model()
    net, batches = make_supernet(model), make_batches()
    small, before = net.space.architecture({"inner": 2}), state(model)
    with net.active(small):
        shared = net.logits(batches[0])
        own = statistics(model, batches, run)
    with net.active(small, own):
        sliced = net.logits(batches[0])

    copy = net.extract(small, own)

    assert not torch.allclose(shared, sliced, atol=1e-2)
    assert torch.equal(run(copy, batches[0]), sliced)
    assert torch.equal(copy[1].running_mean, own.buffers[0][1]["running_mean"])
    assert torch.equal(run(net.extract(small), batches[0]), shared)
    copy[1].running_mean.zero_()  # a copy, not the same numbers
    assert own.buffers[0][1]["running_mean"].any()
    expect_state(model, before)


@pytest.mark.parametrize("place", ["forward", "inside"])
def test_an_exception_puts_everything_back(place):
    model = make_model().train()
    net, before = make_supernet(model), state(model)

    def broken(model, batch):
        run(model, batch)
        raise RuntimeError("boom")

    def break_down():
        if place == "forward":
            statistics(model, make_batches(), broken)
        with statistics(model, make_batches(), run).standing():
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"), net.active(net.space.smallest):
        break_down()

    expect_state(model, before)


def test_without_batch_normalisation_no_batch_is_made():
    def never():
        raise AssertionError("asked for a batch")
        yield

    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))

    assert statistics(model, never(), run) == Statistics()


def test_without_batches_the_shared_statistics_stay():
    model = make_model()
    before = run(model, make_batches()[0])

    own = statistics(model, [], run)

    assert own == Statistics()
    with own.standing():
        assert torch.equal(run(model, make_batches()[0]), before)


def test_they_are_taken_in_float32_and_can_be_trained_on_afterwards():
    model, batches = make_model(), make_batches()
    expected = statistics(model, batches, run)

    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = statistics(model, batches, run)

    for (_, mine), (_, theirs) in zip(found.buffers, expected.buffers, strict=True):
        for name, tensor in mine.items():
            assert torch.equal(tensor, theirs[name])
            assert not tensor.is_inference()
    with found.standing():
        run(model.train(), batches[0]).sum().backward()
    assert model[0].weight.grad is not None

"""One sub-network in all its forms: slice, mask, extracted module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from instatune.space import Architecture
from instatune.supernet.supernet import Supernet


def architectures(net: Supernet, count: int, seed: int = 0) -> list[Architecture]:
    return net.space.decode(net.space.sample(np.random.default_rng(seed), count))


def sliced(net: Supernet, architecture: Architecture, batch) -> torch.Tensor:
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


def narrowed(tensor: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    """The leading corner of a tensor: an independent reading of what a slice is."""
    return tensor[tuple(slice(0, size) for size in small.shape)]


# exactness


@pytest.mark.parametrize("seed", range(3))
def test_slice_mask_and_extraction_agree_on_random_architectures(make_supernet, batch, seed):
    net = make_supernet(seed, [(0, 1, 2), (2, 0, 1), (1, 2, 0)][seed])

    for architecture in architectures(net, 25, seed):
        slice_ = sliced(net, architecture, batch)
        with net.masked(architecture), torch.no_grad():
            masked = net.logits(batch)
        with torch.no_grad():
            extracted = net.forward(net.extract(architecture), batch)

        torch.testing.assert_close(masked, slice_, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(extracted, slice_, rtol=1e-5, atol=1e-5)


def test_architectures_compute_different_functions(supernet, batch):
    outputs = [sliced(supernet, a, batch) for a in architectures(supernet, 12)]

    distances = [float((a - b).abs().max()) for a in outputs for b in outputs if a is not b]

    assert min(distances) > 1e-3


def test_slice_is_a_hand_built_small_bert(supernet, batch, make_bert):
    """An oracle that shares no code with slicing: copy corners into a small BERT."""
    depth, heads, ffn, kept = 2, 3, 17, (0, 2)
    values = (
        {"depth": depth} | {f"heads.{i}": heads for i in kept} | {f"ffn.{i}": ffn for i in kept}
    )
    architecture = supernet.space.architecture(values)
    full = supernet.model.state_dict()
    small = make_bert(layers=depth)
    for place, layer in enumerate(small.bert.encoder.layer):
        source = {
            name.split(f"layer.{kept[place]}.", 1)[1]: tensor
            for name, tensor in full.items()
            if f"encoder.layer.{kept[place]}." in name
        }
        for name, (rows, columns) in {
            "attention.self.query": (24, 32),
            "attention.self.key": (24, 32),
            "attention.self.value": (24, 32),
            "attention.output.dense": (32, 24),
            "intermediate.dense": (17, 32),
            "output.dense": (32, 17),
        }.items():
            linear = layer.get_submodule(name)
            linear.weight = nn.Parameter(source.pop(f"{name}.weight")[:rows, :columns].clone())
            linear.bias = nn.Parameter(source.pop(f"{name}.bias")[:rows].clone())
        layer.load_state_dict(source, strict=False)
    rest = {name: tensor for name, tensor in full.items() if "encoder.layer" not in name}
    small.load_state_dict(rest, strict=False)

    with torch.no_grad():
        expected = supernet.forward(small, batch)

    torch.testing.assert_close(sliced(supernet, architecture, batch), expected)


def test_largest_is_bit_equal_to_the_original(supernet, batch, make_bert):
    with torch.no_grad():
        expected = supernet.forward(make_bert(), batch)

    assert torch.equal(sliced(supernet, supernet.space.largest, batch), expected)


@pytest.mark.parametrize("index", range(30))
def test_toy_with_fused_blocks_convolutions_norms_and_ties_is_exact(toy, toy_batch, index):
    architecture = architectures(toy, 30)[index]
    expected = sliced(toy, architecture, toy_batch)

    small = toy.extract(architecture)

    torch.testing.assert_close(small(toy_batch["x"]).detach(), expected, rtol=1e-5, atol=1e-5)
    assert small.back.weight is small.there.weight
    assert small.conv2.in_channels == architecture["first"]
    assert small.norm1.num_features == architecture["first"]
    assert small.there.in_features == architecture["second"]
    assert small.config.n_layers == len(small.blocks) == architecture["depth"]
    assert [block.place for block in small.blocks] == list(range(architecture["depth"]))
    for block in small.blocks:
        assert block.norm.normalized_shape == block.shape == (block.width,) == (2 * block.heads,)


def test_fused_blocks_keep_the_first_units_of_each_block(toy):
    architecture = toy.space.architecture({"heads.1": 3})

    with toy.active(architecture):
        weight = toy.model.blocks[1].qkv.weight.detach()

    full = toy.model.blocks[1].qkv.weight.detach()
    assert torch.equal(weight, torch.cat([full[0:6], full[8:14], full[16:22]]))


def test_masking_is_exact_where_no_norm_runs_across_units(toy, toy_batch):
    architecture = toy.space.architecture({"first": 3, "second": 2, "ffn.1": 2, "depth": 2})

    with toy.masked(architecture), torch.no_grad():
        masked = toy.logits(toy_batch)

    torch.testing.assert_close(masked, sliced(toy, architecture, toy_batch), rtol=1e-5, atol=1e-5)


def test_maskable_tells_norms_across_units(toy, supernet):
    assert supernet.maskable
    assert not toy.maskable


# gradients


@pytest.mark.parametrize("index", range(8))
def test_gradients_are_those_of_the_extracted_network_scattered_back(supernet, batch, index):
    architecture = architectures(supernet, 8)[index]
    kept = supernet.space.kept_layers(architecture)["layers"]
    small = supernet.extract(architecture)
    nn.functional.cross_entropy(supernet.forward(small, batch), batch["labels"]).backward()
    expected = {}
    for name, parameter in small.named_parameters():
        parts = name.split(".")
        if "layer" in parts:
            place = parts.index("layer") + 1
            parts[place] = str(kept[int(parts[place])])
        expected[".".join(parts)] = parameter.grad

    with supernet.active(architecture):
        logits = supernet.logits(batch)
    nn.functional.cross_entropy(logits, batch["labels"]).backward()

    for name, parameter in supernet.model.named_parameters():
        scattered = torch.zeros_like(parameter)
        if name in expected:
            narrowed(scattered, expected[name]).copy_(expected[name])
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, scattered, rtol=1e-4, atol=1e-6, msg=name)
        assert torch.equal(found == 0, (found == 0) | (scattered == 0))


def test_gradients_outside_the_slice_are_exactly_zero(supernet, batch):
    architecture = supernet.space.smallest
    with supernet.active(architecture):
        supernet.logits(batch).sum().backward()

    kept = supernet.space.kept_layers(architecture)["layers"][0]
    layers = supernet.model.bert.encoder.layer
    grad = layers[kept].intermediate.dense.weight.grad
    assert grad[:1].abs().max() > 0
    assert grad[1:].abs().max() == 0
    dropped = [layer for place, layer in enumerate(layers) if place != kept]
    assert all(p.grad is None for layer in dropped for p in layer.parameters())


def test_one_optimiser_step_of_a_slice_moves_the_shared_weights(supernet, batch):
    optimiser = torch.optim.SGD(supernet.model.parameters(), lr=0.1)
    before = supernet.model.state_dict()["classifier.weight"].clone()

    with supernet.active(supernet.space.smallest):
        supernet.logits(batch).square().sum().backward()
    optimiser.step()

    assert not torch.equal(supernet.model.state_dict()["classifier.weight"], before)

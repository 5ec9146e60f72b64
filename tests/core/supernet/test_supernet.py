"""One sub-network in all its forms: slice, mask, extracted module."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from instatune.errors import CheckpointError, SpaceError
from instatune.space import Architecture
from instatune.supernet.supernet import Supernet

relaxed = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def architectures(net: Supernet, count: int, seed: int = 0) -> list[Architecture]:
    return net.space.decode(net.space.sample(np.random.default_rng(seed), count))


def sliced(net: Supernet, architecture: Architecture, batch) -> torch.Tensor:
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


def snapshot(model: nn.Module):
    """Everything that activation may touch, by identity where that matters."""
    return {
        path: (
            {name: id(value) for name, value in module._parameters.items()},
            {name: id(value) for name, value in module._buffers.items()},
            {name: id(value) for name, value in module._modules.items()},
            {k: repr(v) for k, v in vars(module).items() if not k.startswith("_")},
        )
        for path, module in model.named_modules()
    }


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


def test_the_largest_touches_nothing(supernet):
    before = snapshot(supernet.model)

    with supernet.active(supernet.space.largest):
        assert snapshot(supernet.model) == before


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


# state


def test_no_key_is_changed_and_no_parameter_added(supernet, make_bert):
    original = make_bert()

    for architecture in architectures(supernet, 5):
        with supernet.active(architecture):
            pass

    assert list(supernet.model.state_dict()) == list(original.state_dict())
    assert sum(p.numel() for p in supernet.model.parameters()) == sum(
        p.numel() for p in original.parameters()
    )


@pytest.mark.parametrize("form", ["active", "masked"])
@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_everything_is_restored_after_an_exception(toy, form, failure):
    before = snapshot(toy.model)

    def fail_inside() -> None:
        with getattr(toy, form)(toy.space.smallest):
            assert snapshot(toy.model) != before
            raise failure

    with pytest.raises(failure):
        fail_inside()

    assert snapshot(toy.model) == before
    assert toy.model.config.n_layers == 3


@relaxed
@given(data=st.data())
def test_nested_activations_are_relative_to_the_full_model(make_supernet, data):
    net = make_supernet()
    choices = [net.space.largest, net.space.smallest, *architectures(net, 6, 3)]
    chain = data.draw(st.lists(st.sampled_from(choices), min_size=2, max_size=4))
    alone = {}
    for architecture in chain:
        with net.active(architecture):
            alone[architecture] = {n: p.shape for n, p in net.model.named_parameters()}
    before = snapshot(net.model)

    def descend(rest):
        if not rest:
            return
        with net.active(rest[0]):
            assert {n: p.shape for n, p in net.model.named_parameters()} == alone[rest[0]]
            descend(rest[1:])
            assert {n: p.shape for n, p in net.model.named_parameters()} == alone[rest[0]]

    descend(chain)

    assert snapshot(net.model) == before


def test_contexts_that_close_out_of_order_leave_the_full_model(supernet):
    before = snapshot(supernet.model)
    first, second = architectures(supernet, 2)
    outer, inner = supernet.active(first), supernet.active(second)

    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    with supernet.active(second):
        expected = {n: p.shape for n, p in supernet.model.named_parameters()}
    assert {n: p.shape for n, p in supernet.model.named_parameters()} == expected
    inner.__exit__(None, None, None)

    assert snapshot(supernet.model) == before


def test_masked_inside_active_and_extract_inside_active(supernet, batch):
    outer, inner = architectures(supernet, 2)
    expected = sliced(supernet, inner, batch)

    with supernet.active(outer), torch.no_grad():
        with supernet.masked(inner):
            masked = supernet.logits(batch)
        extracted = supernet.forward(supernet.extract(inner), batch)
        assert torch.equal(supernet.logits(batch), sliced(supernet, outer, batch))

    torch.testing.assert_close(masked, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(extracted, expected, rtol=1e-5, atol=1e-5)


def test_slices_share_memory_with_the_model(supernet):
    full = supernet.model.bert.encoder.layer[2].intermediate.dense.weight

    with supernet.active(supernet.space.smallest):
        part = supernet.model.bert.encoder.layer[0].intermediate.dense.weight

        assert part.shape == (1, 32)
        assert part.untyped_storage().data_ptr() == full.untyped_storage().data_ptr()


def test_parameters_replaced_between_activations_are_seen(supernet, batch):
    architecture = architectures(supernet, 1)[0]
    sliced(supernet, architecture, batch)

    supernet.model.load_state_dict(
        {k: torch.zeros_like(v) for k, v in supernet.model.state_dict().items()}, assign=True
    )

    assert sliced(supernet, architecture, batch).abs().max() == 0


def test_running_statistics_of_a_slice_are_shared(toy, toy_batch):
    toy.model.train()
    before = toy.model.norm1.running_mean.clone()

    with toy.active(toy.space.architecture({"first": 3})):
        toy.logits(toy_batch)

    moved = toy.model.norm1.running_mean != before
    assert moved.tolist() == [True, True, True, False]


# extraction


def test_extracted_module_has_the_kept_keys_and_its_own_storage(supernet):
    architecture = supernet.space.architecture({"depth": 2, "heads.0": 2, "ffn.2": 17})

    small = supernet.extract(architecture)

    kept = [
        name.replace("layer.2.", "layer.1.")
        for name in supernet.model.state_dict()
        if "layer.1." not in name
    ]
    assert list(small.state_dict()) == kept
    memory = {p.untyped_storage().data_ptr() for p in supernet.model.parameters()}
    assert memory.isdisjoint(p.untyped_storage().data_ptr() for p in small.parameters())
    assert all(isinstance(p, nn.Parameter) and p.is_contiguous() for p in small.parameters())
    first, second = small.bert.encoder.layer
    assert (first.attention.self.num_attention_heads, first.attention.self.all_head_size) == (2, 16)
    assert (first.attention.self.query.out_features, second.output.dense.in_features) == (16, 17)
    assert (first.attention.self.layer_idx, second.attention.self.layer_idx) == (0, 1)


def test_extracted_module_holds_no_reference_to_the_parent(make_supernet):
    net = make_supernet()
    parent = weakref.ref(net.model)
    parameter = weakref.ref(net.model.classifier.weight)
    net.logits(
        {"input_ids": torch.ones(1, 4, dtype=torch.long)}
    )  # lets transformers hook itself in

    small = net.extract(net.space.smallest)
    del net
    gc.collect()

    assert parent() is None
    assert parameter() is None
    assert small.training is False


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_extraction_keeps_what_is_trained_and_what_is_frozen(supernet, mode):
    supernet.model.bert.embeddings.requires_grad_(False)

    with mode():
        small = supernet.extract(supernet.space.smallest)

    frozen = {n for n, p in small.named_parameters() if not p.requires_grad}
    assert frozen == {n for n, _ in small.named_parameters() if "embeddings" in n}
    assert not any(p.is_inference() for p in small.parameters())


def test_training_an_extracted_network_leaves_the_parent_alone(supernet, batch):
    before = {name: tensor.clone() for name, tensor in supernet.model.state_dict().items()}
    small = supernet.extract(supernet.space.smallest)

    supernet.forward(small, batch).sum().backward()
    torch.optim.SGD(small.parameters(), lr=1.0).step()

    assert all(torch.equal(t, before[n]) for n, t in supernet.model.state_dict().items())
    assert all(p.grad is None for p in supernet.model.parameters())


# errors


def test_an_architecture_of_another_space_is_refused(supernet):
    with (
        pytest.raises(SpaceError, match="no gene is called 'bits'"),
        supernet.active(Architecture({"bits": 8})),
    ):
        pass


def test_an_architecture_that_is_not_canonical_is_refused(supernet):
    with (
        pytest.raises(SpaceError, match=r"not canonical at gene 'ffn\.2'.*SearchSpace"),
        supernet.active(Architecture({"depth": 1})),
    ):
        pass


def test_a_model_that_does_not_fit_is_refused(supernet, make_bert):
    with pytest.raises(CheckpointError, match=r"'bert\.encoder\.layer' has 2 layers instead of 3"):
        Supernet(make_bert(layers=2), supernet.anatomy, supernet.space, supernet.forward)

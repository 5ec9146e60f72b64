"""What activation and extraction do to the model: nothing that stays, nothing that is shared."""

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


# state


def test_the_largest_touches_nothing(supernet):
    before = snapshot(supernet.model)

    with supernet.active(supernet.space.largest):
        assert snapshot(supernet.model) == before


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

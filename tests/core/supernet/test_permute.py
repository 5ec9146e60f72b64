"""Permuting units leaves the function as it is, and decides what a slice keeps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instatune.errors import SpaceError, TrainingError
from instatune.supernet import permute


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**31))
@pytest.mark.parametrize("network", ["supernet", "toy"])
def test_any_permutation_preserves_the_function(network, request, batch, toy_batch, seed):
    net = request.getfixturevalue(network)
    inputs = batch if network == "supernet" else toy_batch
    generator = torch.Generator().manual_seed(seed)
    order = {
        group.name: torch.randperm(group.units, generator=generator) for group in net.anatomy.groups
    }
    with torch.no_grad():
        expected = net.logits(inputs)

    permute.apply(net.model, net.anatomy, order)

    with torch.no_grad():
        torch.testing.assert_close(net.logits(inputs), expected, rtol=1e-5, atol=1e-5)


def test_permuting_moves_whole_heads_in_all_projections(supernet):
    layer = supernet.model.bert.encoder.layer[1].attention
    query, out = layer.self.query.weight.clone(), layer.output.dense.weight.clone()

    permute.apply(supernet.model, supernet.anatomy, {"heads.1": torch.tensor([2, 0, 3, 1])})

    heads = query.view(4, 8, 32)[[2, 0, 3, 1]]
    assert torch.equal(layer.self.query.weight, heads.reshape(32, 32))
    assert torch.equal(
        layer.output.dense.weight.view(32, 4, 8), out.view(32, 4, 8)[:, [2, 0, 3, 1]]
    )


def test_permuting_moves_units_inside_each_fused_block(toy):
    bias = toy.model.blocks[0].qkv.bias.detach().clone()

    permute.apply(toy.model, toy.anatomy, {"heads.0": torch.tensor([3, 2, 1, 0])})

    expected = bias.view(3, 4, 2).flip(1).flatten()
    assert torch.equal(toy.model.blocks[0].qkv.bias.detach(), expected)


def test_an_order_and_its_inverse_restore_every_weight(supernet):
    before = {name: tensor.clone() for name, tensor in supernet.model.state_dict().items()}
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))

    permute.apply(supernet.model, supernet.anatomy, {"ffn.0": order})
    assert any(not torch.equal(t, before[n]) for n, t in supernet.model.state_dict().items())
    permute.apply(supernet.model, supernet.anatomy, {"ffn.0": order.argsort()})

    assert all(torch.equal(t, before[n]) for n, t in supernet.model.state_dict().items())


def test_the_slice_after_ranking_holds_the_most_important_units(supernet):
    importance = torch.tensor([0.1, 0.9, 0.4, 0.9])
    value = supernet.model.bert.encoder.layer[0].attention.self.value.weight.detach().clone()

    order = permute.ranking({"heads.0": importance})
    permute.apply(supernet.model, supernet.anatomy, order)

    assert order["heads.0"].tolist() == [1, 3, 2, 0]
    with supernet.active(supernet.space.architecture({"heads.0": 2})) as model:
        kept = model.bert.encoder.layer[0].attention.self.value.weight.detach()
    assert torch.equal(kept, value.view(4, 8, 32)[[1, 3]].reshape(16, 32))


def test_ranking_keeps_the_order_of_equal_units():
    assert permute.ranking({"g": torch.zeros(100)})["g"].tolist() == list(range(100))


def test_ranking_refuses_what_is_not_a_number():
    with pytest.raises(TrainingError, match=r"importance of heads\.2 is not a number"):
        permute.ranking({"heads.2": torch.tensor([1.0, float("nan")])})


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (
            {"heads.9": torch.arange(4)},
            r"order of 'heads\.9': no such group; there are \['embed', 'ffn",
        ),
        ({"heads.0": torch.tensor([0, 1, 1, 3])}, r"each of 0 to 3 once, not \[0, 1, 1, 3\]"),
        ({"heads.0": torch.arange(3)}, r"each of 0 to 3 once, not \[0, 1, 2\]"),
        ({"heads.0": torch.arange(4)[None]}, r"each of 0 to 3 once"),
    ],
)
def test_a_wrong_order_is_refused_before_anything_moves(supernet, order, message):
    before = {name: tensor.clone() for name, tensor in supernet.model.state_dict().items()}

    with pytest.raises(SpaceError, match=message):
        permute.apply(
            supernet.model, supernet.anatomy, {"ffn.0": torch.arange(48).flip(0), **order}
        )

    assert all(torch.equal(t, before[n]) for n, t in supernet.model.state_dict().items())

"""Scores find what was planted, agree with a finite difference, and leave no trace in the model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from instatune.errors import DataError, PluginError, TrainingError
from instatune.interfaces import Probe
from instatune.space import Anatomy, Cut, Group
from instatune_plugins.orderings._units import per_unit
from instatune_plugins.orderings.l1 import L1
from instatune_plugins.orderings.none import Unordered
from instatune_plugins.orderings.taylor import Taylor

HIDDEN, HEADS, SIZE, FFN = 8, 4, 3, 6


class Block(nn.Module):
    """Attention and feed-forward in pre-norm form, with dropout, in 30 lines."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(HIDDEN, 3 * HEADS * SIZE)
        self.out = nn.Linear(HEADS * SIZE, HIDDEN)
        self.up = nn.Linear(HIDDEN, FFN)
        # Stored as [in, out], as in GPT-2: the units lie along axis 0.
        self.down = nn.Parameter(torch.randn(FFN, HIDDEN))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, HEADS, SIZE).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(batch, tokens, -1)))
        return x + self.dropout(functional.gelu(self.up(x)) @ self.down)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(HIDDEN, 3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def anatomy() -> Anatomy:
    groups = []
    for layer in range(2):
        out = Cut(f"blocks.{layer}.out.weight", 1, unit=SIZE)
        down = Cut(f"blocks.{layer}.down", 0)
        qkv = Cut(f"blocks.{layer}.qkv.weight", 0, unit=SIZE, blocks=3)
        groups += [
            Group(name=f"heads.{layer}", kind="heads", units=HEADS, cuts=(qkv, out), outgoing=out),
            Group(name=f"ffn.{layer}", kind="ffn", units=FFN, cuts=(down,), outgoing=down),
        ]
    return Anatomy(family="toy", stacks=(), groups=tuple(groups), shapes={}, work=(), tokens=5)


def probe(model: nn.Module, batches: int = 3) -> Probe:
    generator = torch.Generator().manual_seed(1)
    dtype = next(model.parameters()).dtype
    data = tuple(
        {
            "x": torch.randn(4, 5, HIDDEN, generator=generator, dtype=dtype),
            "labels": torch.randint(3, (4,), generator=generator),
        }
        for _ in range(batches)
    )

    def loss(batch):
        return functional.cross_entropy(model(batch["x"]), batch["labels"])

    return Probe(model=model, batches=data, loss=loss)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return Toy().double().eval()


def zero_head_values(model: Toy, layer: int, head: int) -> None:
    """Make a head say nothing, though its outgoing weights are as large as any."""
    with torch.no_grad():
        qkv = model.blocks[layer].qkv
        rows = slice((2 * HEADS + head) * SIZE, (2 * HEADS + head + 1) * SIZE)
        qkv.weight[rows] = 0
        qkv.bias[rows] = 0


class TestPerUnit:
    def test_reads_the_axis_as_blocks_of_units(self):
        # Element = 100 * block + 10 * unit + index inside the unit.
        axis = torch.tensor(
            [100 * b + 10 * u + i for b in range(3) for u in range(4) for i in range(2)]
        )
        tensor = axis[None, :].repeat(5, 1)

        found = per_unit(tensor, Cut("t", 1, unit=2, blocks=3), units=4)

        assert found.shape == (4, 3 * 2 * 5)
        assert all(set((row // 10 % 10).tolist()) == {unit} for unit, row in enumerate(found))

    def test_loses_no_element(self):
        tensor = torch.arange(2 * 12 * 3).reshape(2, 12, 3)

        found = per_unit(tensor, Cut("t", 1, unit=2, blocks=2), units=3)

        assert sorted(found.flatten().tolist()) == list(range(72))

    def test_a_wrong_anatomy_is_named(self):
        with pytest.raises(PluginError) as caught:
            per_unit(torch.zeros(3, 10), Cut("a.weight", 1, unit=2), units=4)

        assert str(caught.value) == (
            "a.weight: axis 1 has length 10, but the adapter describes 1 x 4 x 2 = 8; "
            "mend the anatomy of the adapter"
        )


class TestNone:
    def test_scores_nothing(self, model):
        assert Unordered().importance(anatomy(), probe(model)) == {}


class TestL1:
    def test_is_the_norm_of_what_reads_the_unit(self, model):
        scores = L1().importance(anatomy(), probe(model))

        block = model.blocks[1]
        heads = [
            block.out.weight[:, h * SIZE : (h + 1) * SIZE].abs().sum().item() for h in range(HEADS)
        ]
        neurons = [block.down[n].abs().sum().item() for n in range(FFN)]
        assert scores["heads.1"].tolist() == pytest.approx(heads)
        assert scores["ffn.1"].tolist() == pytest.approx(neurons)

    def test_zeroed_units_rank_last(self, model):
        with torch.no_grad():
            model.blocks[0].out.weight[:, SIZE : 2 * SIZE] = 0
            model.blocks[1].down[4] = 0

        scores = L1().importance(anatomy(), probe(model))

        assert scores["heads.0"].argmin() == 1
        assert scores["ffn.1"].argmin() == 4

    def test_needs_no_data(self, model):
        scores = L1().importance(anatomy(), probe(model, batches=0))

        assert set(scores) == {"heads.0", "ffn.0", "heads.1", "ffn.1"}


class TestTaylor:
    def test_equals_the_numerical_gate_gradient(self, model):
        seen = probe(model)

        scores = Taylor().importance(anatomy(), seen)

        for group in anatomy().groups:
            expected = [gate_gradient(model, seen, group, unit) for unit in range(group.units)]
            assert scores[group.name].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-8)

    def test_silent_heads_rank_last_though_their_weights_are_large(self, model):
        zero_head_values(model, layer=1, head=2)

        scores = Taylor().importance(anatomy(), probe(model))["heads.1"]

        assert scores.argmin() == 2
        assert scores[2] == pytest.approx(0.0, abs=1e-12)
        assert L1().importance(anatomy(), probe(model))["heads.1"][2] > 0.1

    def test_dead_neurons_rank_last(self, model):
        with torch.no_grad():
            model.blocks[0].up.weight[3] = 0
            model.blocks[0].up.bias[3] = 0  # gelu(0) = 0

        scores = Taylor().importance(anatomy(), probe(model))["ffn.0"]

        assert scores.argmin() == 3
        assert (scores > 0).sum() == FFN - 1

    def test_signs_do_not_cancel_between_batches(self, model):
        both = probe(model, batches=2)
        parts = [
            Taylor().importance(anatomy(), Probe(model=model, batches=(b,), loss=both.loss))
            for b in both.batches
        ]

        whole = Taylor().importance(anatomy(), both)

        for name, scores in whole.items():
            torch.testing.assert_close(scores, parts[0][name] + parts[1][name])

    def test_leaves_gradients_modes_and_flags_alone(self, model):
        model.train()
        model.blocks[0].dropout.eval()
        frozen = model.blocks[0].out.weight.requires_grad_(False)
        model.head.weight.grad = torch.full_like(model.head.weight, 7.0)
        before = {name: p.clone() for name, p in model.state_dict().items()}
        modes = [m.training for m in model.modules()]

        scores = Taylor().importance(anatomy(), probe(model))

        assert scores["heads.0"].sum() > 0  # a frozen weight is scored all the same
        assert [m.training for m in model.modules()] == modes
        assert not frozen.requires_grad
        assert sum(p.requires_grad for p in model.parameters()) == len(list(model.parameters())) - 1
        assert (model.head.weight.grad == 7.0).all()
        assert [n for n, p in model.named_parameters() if p.grad is not None] == ["head.weight"]
        assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())

    def test_leaves_the_model_alone_after_an_error_too(self, model):
        model.train()
        frozen = model.blocks[0].out.weight.requires_grad_(False)
        seen = probe(model)

        def broken(batch):
            raise RuntimeError("boom")

        with pytest.raises(RuntimeError, match="boom"):
            Taylor().importance(anatomy(), Probe(model=model, batches=seen.batches, loss=broken))

        assert all(m.training for m in model.modules())
        assert not frozen.requires_grad

    def test_measures_without_dropout(self, model):
        model.train()

        first = Taylor().importance(anatomy(), probe(model))
        second = Taylor().importance(anatomy(), probe(model))

        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_works_where_gradients_are_switched_off(self, model):
        with torch.no_grad():
            scores = Taylor().importance(anatomy(), probe(model))

        assert scores["ffn.0"].sum() > 0

    def test_units_that_the_loss_never_reads_do_not_matter(self, model):
        seen = probe(model)

        def loss(batch):
            return functional.cross_entropy(
                model.head(model.blocks[0](batch["x"]).mean(1)), batch["labels"]
            )

        scores = Taylor().importance(anatomy(), Probe(model=model, batches=seen.batches, loss=loss))

        assert scores["ffn.1"].tolist() == [0.0] * FFN
        assert scores["ffn.0"].sum() > 0

    def test_no_batch_is_refused(self, model):
        with pytest.raises(DataError, match="no training batch to look at; use at least one"):
            Taylor().importance(anatomy(), probe(model, batches=0))

    def test_a_gradient_that_is_no_number_is_refused(self, model):
        seen = probe(model)

        def loss(batch):
            return seen.loss(batch) * torch.nan

        with pytest.raises(TrainingError, match=r"is not finite on batch 0 \(loss nan\); check"):
            Taylor().importance(anatomy(), Probe(model=model, batches=seen.batches, loss=loss))


def gate_gradient(model, seen: Probe, group: Group, unit: int, eps: float = 1e-5) -> float:
    """Sum over batches of |dL/dgate| by central differences, the unit's slice scaled by 1 ± eps."""
    weight = model.get_parameter(group.outgoing.tensor)
    index = torch.arange(unit * group.outgoing.unit, (unit + 1) * group.outgoing.unit)
    original = weight.detach().clone()

    def loss_at(gate: float, batch) -> float:
        with torch.no_grad():
            weight.index_copy_(
                group.outgoing.axis, index, original.index_select(group.outgoing.axis, index) * gate
            )
            value = seen.loss(batch).item()
            weight.copy_(original)
        return value

    return sum(
        abs(loss_at(1 + eps, batch) - loss_at(1 - eps, batch)) / (2 * eps) for batch in seen.batches
    )

"""Orderings that run or train the model: they find what was planted and leave no trace."""

from __future__ import annotations

import copy

import attrs
import pytest
import torch

from instatune.errors import DataError, PluginError, TrainingError
from instatune.interfaces import Probe
from instatune.space import Cut
from instatune.testing import fakes, tiny
from instatune_plugins.orderings import MovementConfig, SensitivityConfig
from instatune_plugins.orderings._model import on_a_copy
from instatune_plugins.orderings.activation import Activation
from instatune_plugins.orderings.l1 import L1
from instatune_plugins.orderings.l2 import L2
from instatune_plugins.orderings.movement import Movement
from instatune_plugins.orderings.sensitivity import Sensitivity
from instatune_plugins.orderings.taylor import Taylor

TASK, ADAPTER, ANATOMY = tiny.TinyTask(), tiny.TinyAdapter(), fakes.anatomy()
MOVEMENT = Movement(MovementConfig(lr=1e-3))
SENSITIVITY = Sensitivity(SensitivityConfig(gate_lr=0.05, epochs=5))
PROBING = {"activation": Activation(), "movement": MOVEMENT, "sensitivity": SENSITIVITY}
HEAD, NEURON = 2, 5  # what is planted
SLICE = slice(4 * HEAD, 4 * HEAD + 4)  # a head is 4 wide


@pytest.fixture
def model():
    return tiny.model()


def probe(model, batches=None) -> Probe:
    return Probe(
        model=model,
        batches=tiny.batches() if batches is None else batches,
        loss=lambda batch: TASK.loss(ADAPTER.logits(model, batch), batch),
    )


def silence(model) -> None:
    """A head and a neuron of layer 1 that say nothing, though what reads them is large."""
    layer = model.layers[1]
    with torch.no_grad():
        for linear, rows in ((layer.value, SLICE), (layer.up, NEURON)):
            linear.weight[rows] = 0
            linear.bias[rows] = 0
        layer.out.weight[:, SLICE] *= 3
        layer.down.weight[:, NEURON] *= 3


class TestL2:
    def test_is_the_norm_of_what_reads_the_unit(self, model):
        scores = L2().importance(ANATOMY, probe(model, ()))

        layer = model.layers[2]
        assert scores["heads.2"].tolist() == pytest.approx(
            [layer.out.weight[:, 4 * h : 4 * h + 4].norm().item() for h in range(4)]
        )
        assert scores["ffn.2"].tolist() == pytest.approx(layer.down.weight.norm(dim=0).tolist())

    def test_one_large_weight_counts_more_than_many_small_ones_of_the_same_sum(self, model):
        with torch.no_grad():
            model.layers[0].down.weight[:, :2] = 0
            model.layers[0].down.weight[0, 0] = 16.0
            model.layers[0].down.weight[:, 1] = 1.0

        seen = probe(model, ())

        assert L2().importance(ANATOMY, seen)["ffn.0"][:2].tolist() == [16.0, 4.0]
        assert L1().importance(ANATOMY, seen)["ffn.0"][:2].tolist() == [16.0, 16.0]


class TestActivation:
    def test_is_the_sum_of_weight_times_norm_of_the_input(self, model):
        inputs = []
        handle = model.layers[1].down.register_forward_pre_hook(lambda m, x: inputs.append(x[0]))
        for batch in tiny.batches():
            ADAPTER.logits(model, batch)
        handle.remove()
        masks = [batch["attention_mask"].bool() for batch in tiny.batches()]
        seen = torch.cat([x[mask] for x, mask in zip(inputs, masks, strict=True)])

        scores = Activation().importance(ANATOMY, probe(model))["ffn.1"]

        expected = model.layers[1].down.weight.abs().sum(0) * seen.norm(dim=0)
        torch.testing.assert_close(scores, expected.detach())

    def test_padding_does_not_count(self, model):
        def longer(batch):
            ids = torch.nn.functional.pad(batch["input_ids"], (0, 9), value=7)
            mask = torch.nn.functional.pad(batch["attention_mask"], (0, 9))
            return {**batch, "input_ids": ids, "attention_mask": mask}

        plain = Activation().importance(ANATOMY, probe(model))
        padded = Activation().importance(
            ANATOMY, probe(model, tuple(longer(b) for b in tiny.batches()))
        )

        for name, scores in plain.items():
            torch.testing.assert_close(scores, padded[name], atol=1e-4, rtol=1e-4)

    def test_silent_units_rank_last_though_their_weights_are_large(self, model):
        silence(model)

        scores = Activation().importance(ANATOMY, probe(model))

        assert scores["heads.1"].argmin() == HEAD
        assert scores["ffn.1"].argmin() == NEURON
        assert scores["ffn.1"][NEURON] == 0
        assert L1().importance(ANATOMY, probe(model))["heads.1"].argmax() == HEAD

    def test_channels_of_a_convolution_are_its_inputs(self):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), torch.nn.Conv2d(6, 2, 3))
        cut = Cut("1.weight", 1)
        group = attrs.evolve(
            ANATOMY.groups[0], name="channels", units=6, cuts=(cut,), outgoing=cut, attributes=()
        )
        images = torch.randn(4, 3, 5, 5)
        seen = Probe(
            model=net, batches=({"pixel_values": images},), loss=lambda b: net(images).sum()
        )

        scores = Activation().importance(attrs.evolve(ANATOMY, groups=(group,)), seen)["channels"]

        norms = net[0](images).movedim(1, -1).reshape(-1, 6).norm(dim=0)
        expected = (net[1].weight.abs() * norms[None, :, None, None]).sum((0, 2, 3))
        torch.testing.assert_close(scores, expected.detach())

    def test_a_weight_that_does_not_read_its_modules_input_is_named(self, model):
        cut = Cut("layers.0.norm_ffn.weight", 0, unit=2)  # 16 features, but read as rows of 8
        group = attrs.evolve(ANATOMY.groups[0], units=8, cuts=(cut,), outgoing=cut)
        model.layers[0].norm_ffn = torch.nn.LayerNorm((3, 16))

        with pytest.raises(
            PluginError, match=r"'layers\.0\.norm_ffn\.weight' has 16 features, .*3"
        ):
            Activation().importance(attrs.evolve(ANATOMY, groups=(group,)), probe(model))

    def test_a_module_that_is_not_called_is_named(self, model):
        seen = attrs.evolve(probe(model), loss=lambda batch: model.classifier.weight.sum())

        with pytest.raises(PluginError, match=r"'layers\.\d\.\w+\.weight' was not called by the"):
            Activation().importance(ANATOMY, seen)

    def test_takes_its_hooks_down_after_an_error_too(self, model):
        seen = attrs.evolve(probe(model), loss=lambda batch: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            Activation().importance(ANATOMY, seen)

        assert not any(module._forward_pre_hooks for module in model.modules())


class TestMovement:
    def test_the_first_step_scores_minus_rate_times_weight_times_gradient(self, model):
        batch = tiny.batches()[0]
        one = Movement(MovementConfig(lr=0.01, epochs=1))

        scores = one.importance(ANATOMY, probe(model, (batch,)))

        TASK.loss(ADAPTER.logits(model, batch), batch).backward()
        layer = model.layers[0]
        product = {name: -0.01 * (p * p.grad).detach() for name, p in layer.named_parameters()}
        expected = product["down.weight"].sum(0) + product["up.weight"].sum(1) + product["up.bias"]
        torch.testing.assert_close(scores["ffn.0"], expected)
        heads = product["out.weight"].sum(0).view(4, 4).sum(1)
        for name in ("query", "key", "value"):
            heads += product[f"{name}.weight"].sum(1).view(4, 4).sum(1)
            heads += product[f"{name}.bias"].view(4, 4).sum(1)
        torch.testing.assert_close(scores["heads.0"], heads)

    def test_adds_up_while_the_weights_move(self, model):
        batches = tiny.batches()[:1]
        one, two = (
            Movement(MovementConfig(lr=0.05, epochs=n)).importance(ANATOMY, probe(model, batches))
            for n in (1, 2)
        )

        assert not torch.allclose(two["ffn.0"], 2 * one["ffn.0"])


class TestSensitivity:
    def test_gates_of_silent_units_feel_the_pull_alone(self, model):
        silence(model)
        alone = Sensitivity(SensitivityConfig(lr=1e-12, gate_lr=0.01))

        scores = alone.importance(ANATOMY, probe(model))

        # A constant gradient moves AdamW by its rate in each step; the mean is over the way.
        steps = alone.config.epochs * len(tiny.batches())
        expected = pytest.approx(1 - 0.01 * (steps + 1) / 2, abs=1e-3)
        assert scores["heads.1"][HEAD].item() == expected
        assert scores["ffn.1"][NEURON].item() == expected

    def test_gates_that_end_at_nothing_are_told_apart_by_when(self, model):
        fast = Sensitivity(SensitivityConfig(gate_lr=0.5, penalty=100.0, epochs=20))

        scores = fast.importance(ANATOMY, probe(model))["ffn.0"]

        assert scores.unique().numel() > 1

    def test_a_stronger_pull_leaves_smaller_gates(self, model):
        means = []
        for penalty in (1e-4, 1.0):
            pulled = Sensitivity(SensitivityConfig(penalty=penalty, gate_lr=0.05))
            means.append(pulled.importance(ANATOMY, probe(model))["ffn.0"].mean())

        assert means[1] < means[0]

    def test_the_gate_gradient_is_that_of_the_loss(self, model):
        """One tiny step from gates at 1 goes against the sign of dL/dm, which Taylor measures."""
        batch = tiny.batches()[:1]
        small = Sensitivity(SensitivityConfig(gate_lr=1e-3, penalty=1e-12, epochs=1))

        step = 1.0 - small.importance(ANATOMY, probe(model, batch))["heads.0"]

        weight = model.layers[0].out.weight
        gradient = torch.autograd.grad(probe(model).loss(batch[0]), weight)[0]
        gates = (weight * gradient).sum(0).view(4, 4).sum(1)
        assert step.sign().tolist() == gates.sign().tolist()


@pytest.mark.parametrize("name", PROBING)
class TestAll:
    def test_leave_weights_gradients_modes_and_flags_alone(self, model, name):
        model.train()
        model.layers[0].norm_ffn.eval()
        model.layers[0].out.weight.requires_grad_(False)
        model.classifier.weight.grad = torch.full_like(model.classifier.weight, 7.0)
        before = copy.deepcopy(model)
        same = {name: id(tensor) for name, tensor in model.named_parameters()}

        PROBING[name].importance(ANATOMY, probe(model))

        assert same == {name: id(tensor) for name, tensor in model.named_parameters()}
        assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
        for (found_name, found), (_, old) in zip(
            model.named_parameters(), before.named_parameters(), strict=True
        ):
            assert torch.equal(found, old)
            assert found.requires_grad == old.requires_grad
            assert (found.grad is None) == (found_name != "classifier.weight")
        assert (model.classifier.weight.grad == 7.0).all()

    def test_put_the_model_back_after_an_error_in_the_middle(self, model, name):
        before, seen = copy.deepcopy(model.state_dict()), probe(model)
        calls = []

        def breaks(batch):
            calls.append(batch)
            if len(calls) == 3:
                raise RuntimeError("boom")
            return seen.loss(batch)

        with pytest.raises(RuntimeError, match="boom"):
            PROBING[name].importance(ANATOMY, attrs.evolve(seen, loss=breaks))

        assert all(torch.equal(before[n], tensor) for n, tensor in model.state_dict().items())
        assert all(isinstance(p, torch.nn.Parameter) for p in model.parameters())

    def test_a_probe_without_batches_is_refused(self, model, name):
        with pytest.raises(
            DataError, match=f"ordering {name}: no training batch to look at; use at least one"
        ):
            PROBING[name].importance(ANATOMY, probe(model, ()))

    def test_a_loss_that_is_not_finite_is_named(self, model, name):
        with torch.no_grad():
            model.classifier.bias[0] = float("nan")

        with pytest.raises(
            TrainingError, match=f"ordering {name}: the loss of batch 0 is nan; check the teacher"
        ):
            PROBING[name].importance(ANATOMY, probe(model))

    def test_work_where_gradients_are_switched_off(self, model, name):
        with torch.no_grad():
            scores = PROBING[name].importance(ANATOMY, probe(model))

        assert scores["ffn.0"].unique().numel() > 1


def test_a_unit_with_several_readers_is_scored_by_all_of_them(model):
    first, second = Cut("layers.0.down.weight", 1), Cut("layers.1.down.weight", 1)
    shared = attrs.evolve(
        ANATOMY.group("ffn.0"), cuts=(first, second), outgoing=first, also_outgoing=(second,)
    )
    alone = [attrs.evolve(shared, outgoing=cut, also_outgoing=()) for cut in (first, second)]

    for ordering in (L1(), Activation()):
        whole, *parts = (
            ordering.importance(attrs.evolve(ANATOMY, groups=(g,)), probe(model))["ffn.0"]
            for g in (shared, *alone)
        )
        torch.testing.assert_close(whole, parts[0] + parts[1])
    both = Taylor().importance(attrs.evolve(ANATOMY, groups=(shared,)), probe(model))["ffn.0"]
    assert both.shape == (32,)


def test_buffers_come_back_too(model):
    model.register_buffer("seen", torch.zeros(2))

    with on_a_copy(model):
        model.seen += 1

    assert model.seen.tolist() == [0.0, 0.0]

"""Equation 1: sequential backward passes give the gradients of the literal sum.

The letters (a) to (f) are the claims that the loss of InstaTune rests on. The toy is a real
super-network around a small residual model, so that slices are the views that training uses.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from math import nan

import attrs
import pytest
import torch
from torch import nn
from torch.nn import functional

from instatune.engine.loss import ElasticStep, elastic_backward
from instatune.errors import PluginError, TrainingError
from instatune.interfaces import Draw, LossWeights, Moment, Schedule
from instatune.space import Anatomy, Cut, Gene, Group, Stack, Work
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet

HIDDEN, FFN, CLASSES, LAYERS = 6, 4, 3, 3


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(HIDDEN, FFN)
        self.down = nn.Linear(FFN, HIDDEN)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x):
        return x + self.dropout(self.down(torch.tanh(self.up(x))))


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.head = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def supernet(seed: int = 0) -> Supernet:
    torch.manual_seed(seed)
    model = Toy()
    groups = []
    for i in range(LAYERS):
        up, down = f"layers.{i}.up", Cut(f"layers.{i}.down.weight", 1)
        cuts = (Cut(f"{up}.weight", 0), Cut(f"{up}.bias", 0), down)
        groups.append(
            Group(
                name=f"ffn.{i}",
                kind="ffn",
                units=FFN,
                cuts=cuts,
                outgoing=down,
                stack="layers",
                layer=i,
                attributes=(),
            )
        )
    anatomy = Anatomy(
        family="toy",
        stacks=(Stack(name="layers", path="layers", layers=LAYERS),),
        groups=tuple(groups),
        shapes={name: tuple(p.shape) for name, p in model.named_parameters()},
        work=(Work("head.weight"),),
        tokens=1,
    )
    genes = [Gene(name="depth", choices=(1, 2, 3), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=g.name,
            choices=(1, 2, 4),
            effect="width",
            targets=(g.name,),
            stack=g.stack,
            layer=g.layer,
        )
        for g in groups
    ]
    return Supernet(
        model, anatomy, search_space(anatomy, genes), lambda model, batch: model(batch["x"])
    )


@attrs.frozen(kw_only=True)
class Rule(Schedule):
    """Equation 1 written once more for the test, so that engine and plugin are apart."""

    alpha: float = 0.3
    gamma: float = 0.0
    rho: float = 1.0
    config: object = None

    def weights(self, moment, role):
        return LossWeights(
            task=self.alpha,
            teacher=(1 - self.alpha) * self.gamma,
            supernet=0.0 if role == "largest" else (1 - self.alpha) * (1 - self.gamma),
            temperature=self.rho,
        )


MOMENT = Moment(step=7, total_steps=20, epoch=0, epochs=2)


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        "x": torch.randn(8, HIDDEN, generator=generator),
        "labels": torch.randint(CLASSES, (8,), generator=generator),
    }


def task_loss(logits, batch):
    return functional.cross_entropy(logits, batch["labels"])


def step_of(net: Supernet, schedule: Schedule, **changes) -> ElasticStep:
    def logits(architecture, batch):
        with net.active(architecture):
            return net.logits(batch)

    parts = {
        "logits": logits,
        "task_loss": task_loss,
        "schedule": schedule,
        "backward": lambda loss: loss.backward(),
        **changes,
    }
    return ElasticStep(**parts)


def draws_of(net: Supernet, *values: dict[str, int]) -> tuple[Draw, ...]:
    sampled = [Draw(net.space.architecture(v), "sampled") for v in values]
    return (Draw(net.space.largest, "largest"), *sampled)


SUBS = ({"depth": 2, "ffn.0": 1, "ffn.1": 2}, {"depth": 3, "ffn.2": 1})


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }


def run(net: Supernet, schedule: Schedule, teacher=None, subs=SUBS, **changes):
    net.model.zero_grad()
    losses = elastic_backward(
        step=step_of(net, schedule, **changes),
        draws=draws_of(net, *subs),
        batch=batch(),
        teacher=teacher,
        moment=MOMENT,
    )
    return losses, gradients(net.model)


def kl(student, teacher, rho):
    """KL(teacher || student) from its definition, times rho squared."""
    p, q = (torch.softmax(logits / rho, dim=1) for logits in (teacher, student))
    return (p * (p.log() - q.log())).sum(dim=1).mean() * rho**2


def literal(net: Supernet, *, alpha, gamma, rho, teacher, subs=SUBS, detach=True):
    """Gradients of Equation 1 as printed: one sum, one graph, one backward pass."""
    net.model.zero_grad()
    data, logits = batch(), []
    for draw in draws_of(net, *subs):
        with net.active(draw.architecture):
            logits.append(net.logits(data))
    s, *others = logits
    labels = task_loss(s, data) + sum(task_loss(z, data) for z in others)
    fixed = s.detach() if detach else s
    distill = gamma * kl(s, teacher, rho) + sum(
        (1 - gamma) * kl(z, fixed, rho) + gamma * kl(z, teacher, rho) for z in others
    )
    (alpha * labels + (1 - alpha) * distill).backward()
    return gradients(net.model)


def teacher_logits(data=None) -> torch.Tensor:
    with torch.no_grad():
        return supernet(seed=9).model((data or batch())["x"])


def assert_same(found, expected, tolerance=1e-6):
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=tolerance, msg=name)


class TestAgainstTheLiteralSum:
    @pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
    @pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
    @pytest.mark.parametrize("rho", [1.0, 2.5])
    def test_a_sequential_backward_gives_the_gradients_of_the_sum(self, alpha, gamma, rho):
        net, teacher = supernet(), teacher_logits()
        schedule = Rule(alpha=alpha, gamma=gamma, rho=rho)

        _, found = run(net, schedule, teacher)

        expected = literal(net, alpha=alpha, gamma=gamma, rho=rho, teacher=teacher)
        assert max(g.abs().max() for g in expected.values()) > 1e-3
        assert_same(found, expected)

    def test_a_losses_add_up_to_equation_1(self):
        net, teacher, data = supernet(), teacher_logits(), batch()

        losses, _ = run(net, Rule(gamma=1.0, rho=2.0), teacher)

        expected = {"largest": [], "sampled": []}
        for draw in draws_of(net, *SUBS):
            with torch.no_grad(), net.active(draw.architecture):
                z = net.logits(data)
            value = 0.3 * task_loss(z, data) + 0.7 * kl(z, teacher, 2.0)
            expected[draw.role].append(value.item())
        assert losses == {
            role: pytest.approx(sum(values) / len(values)) for role, values in expected.items()
        }

    def test_a_gradients_of_several_networks_are_summed_not_averaged(self):
        net = supernet()

        _, one = run(net, Rule(alpha=1.0), subs=SUBS[:1])
        _, none = run(net, Rule(alpha=1.0), subs=())
        _, three = run(net, Rule(alpha=1.0), subs=SUBS[:1] * 3)

        share = {name: one[name] - none[name] for name in one}
        assert_same(three, {name: none[name] + 3 * share[name] for name in one})


class TestLimits:
    def test_b_alpha_one_is_the_task_loss_of_all_networks(self):
        net = supernet()

        _, found = run(net, Rule(alpha=1.0, gamma=0.0))

        net.model.zero_grad()
        for draw in draws_of(net, *SUBS):
            with net.active(draw.architecture):
                loss = task_loss(net.logits(batch()), batch())
            loss.backward()
        assert_same(found, gradients(net.model))

    def test_b_gamma_zero_needs_no_teacher(self):
        net = supernet()

        _, without = run(net, Rule(gamma=0.0), teacher=None)
        _, given = run(net, Rule(gamma=0.0), teacher=teacher_logits())

        assert_same(without, given, tolerance=0.0)

    def test_b_gamma_one_has_no_term_between_super_and_sub_network(self):
        net, teacher = supernet(), teacher_logits()

        _, joint = run(net, Rule(gamma=1.0), teacher)

        alone = [Draw(net.space.architecture(v), "sampled") for v in SUBS]
        net.model.zero_grad()
        for draws in [draws_of(net), *[(draw,) for draw in alone]]:
            elastic_backward(
                step=step_of(net, Rule(gamma=1.0)),
                draws=draws,
                batch=batch(),
                teacher=teacher,
                moment=MOMENT,
            )
        assert_same(joint, gradients(net.model))

    def test_b_no_sub_network_and_alpha_one_is_plain_fine_tuning(self):
        net = supernet()
        twin = copy.deepcopy(net.model)

        _, found = run(net, Rule(alpha=1.0), subs=())

        task_loss(twin(batch()["x"]), batch()).backward()
        assert_same(found, gradients(twin), tolerance=0.0)


class TestExactness:
    def test_c_the_largest_network_is_the_original_to_the_bit(self):
        net = supernet()
        original = copy.deepcopy(net.model)
        step = step_of(net, Rule())

        found = step.logits(net.space.largest, batch())

        assert torch.equal(found, original(batch()["x"]))

    @pytest.mark.parametrize("values", [*SUBS, {"depth": 1, "ffn.0": 1}])
    def test_d_slice_mask_and_extracted_network_agree(self, values):
        net = supernet()
        architecture = net.space.architecture(values)

        sliced = step_of(net, Rule()).logits(architecture, batch())

        with net.masked(architecture) as model:
            masked = model(batch()["x"])
        extracted = net.extract(architecture)(batch()["x"])
        torch.testing.assert_close(sliced, masked, rtol=0, atol=1e-5)
        torch.testing.assert_close(sliced, extracted, rtol=0, atol=1e-5)
        assert not torch.allclose(sliced, net.model(batch()["x"]), atol=1e-3)


class TestWhoLearns:
    def test_e_the_teacher_receives_no_gradient(self):
        net, teacher = supernet(), supernet(seed=9).model
        logits = teacher(batch()["x"])
        assert logits.requires_grad

        run(net, Rule(gamma=1.0), logits)

        assert all(p.grad is None for p in teacher.parameters())

    def test_f_the_supernet_learns_nothing_from_teaching(self):
        net = supernet()
        smallest = {"depth": 1, "ffn.0": 1}
        schedule = Rule(alpha=0.0, gamma=0.0)

        _, found = run(net, schedule, subs=(smallest,))

        # Layers 1 and 2 and all but one neuron of layer 0 belong to the super-network alone.
        alone = {name: g for name, g in found.items() if name.startswith(("layers.1", "layers.2"))}
        assert alone
        assert all((g == 0).all() for g in alone.values())
        assert (found["layers.0.up.weight"][1:] == 0).all()
        assert (found["layers.0.down.weight"][:, 1:] == 0).all()
        assert found["head.weight"].abs().max() > 1e-4
        # Without detaching it would have: the test above can fail.
        flowing = literal(
            net,
            alpha=0.0,
            gamma=0.0,
            rho=1.0,
            teacher=teacher_logits(),
            subs=(smallest,),
            detach=False,
        )
        assert flowing["layers.2.up.weight"].abs().max() > 1e-5

    def test_f_teaching_adds_nothing_to_what_labels_teach_the_supernet(self):
        net = supernet()

        _, alone = run(net, Rule(alpha=0.3), subs=())
        _, teaching = run(net, Rule(alpha=0.3), subs=({"depth": 1, "ffn.0": 1},))

        for name in ("layers.1.up.weight", "layers.2.down.weight"):
            assert alone[name].abs().max() > 1e-4
            assert torch.equal(alone[name], teaching[name])
        assert not torch.equal(alone["head.weight"], teaching["head.weight"])

    def test_a_largest_network_that_only_teaches_builds_no_graph(self):
        net, graphs = supernet(), []

        def logits(architecture, batch):
            with net.active(architecture):
                found = net.logits(batch)
            graphs.append(found.requires_grad)
            return found

        losses, _ = run(net, Rule(alpha=0.0), subs=SUBS[:1], logits=logits)

        assert graphs == [False, True]
        assert set(losses) == {"sampled"}

    def test_dropout_of_the_teaching_pass_is_the_one_that_is_trained(self):
        net, runs = supernet(), []

        def logits(architecture, batch):
            runs.append(architecture)
            with net.active(architecture):
                return net.logits(batch)

        run(net, Rule(), logits=logits)

        assert runs.count(net.space.largest) == 1


class TestCost:
    def test_terms_of_weight_zero_are_never_computed(self):
        calls = []

        class Counting(Rule):
            def distance(self, student, teacher, temperature):
                calls.append("distance")
                return super().distance(student, teacher, temperature)

        def counted(logits, batch):
            calls.append("task")
            return task_loss(logits, batch)

        run(supernet(), Counting(alpha=1.0), task_loss=counted)
        assert calls == ["task"] * 3
        calls.clear()
        run(supernet(), Counting(alpha=0.0), task_loss=counted)
        assert calls == ["distance"] * 2

    def test_one_graph_is_alive_at_a_time(self):
        net, order = supernet(), []

        def logits(architecture, batch):
            order.append("forward")
            with net.active(architecture):
                return net.logits(batch)

        def backward(loss):
            order.append("backward")
            loss.backward()

        run(net, Rule(), logits=logits, backward=backward)

        assert order == ["forward", "backward"] * 3

    @pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
    def test_losses_are_summed_in_float32(self, precision):
        net, seen = supernet(), []
        cast = torch.autocast("cpu", precision) if precision != torch.float32 else nullcontext()

        def logits(architecture, batch):
            with cast, net.active(architecture):
                return net.logits(batch)

        def backward(loss):
            seen.append(loss.dtype)
            loss.backward()

        run(net, Rule(), logits=logits, backward=backward)

        assert seen == [torch.float32] * 3


class TestMistakes:
    def test_a_missing_teacher_is_named(self):
        with pytest.raises(PluginError) as caught:
            run(supernet(), Rule(alpha=0.25, gamma=1.0), teacher=None)

        assert str(caught.value) == (
            "loss schedule: step 7 gives the teacher weight 0.75 for the largest network, but "
            "there is no teacher; its uses_teacher must be true, or this weight 0"
        )

    def test_a_teacher_of_another_task_is_refused(self):
        with pytest.raises(TrainingError) as caught:
            run(supernet(), Rule(gamma=1.0), teacher=torch.zeros(8, 1))

        assert str(caught.value) == (
            "the teacher's logits have shape [8, 1], the network's [8, 3]; "
            "use a teacher that was tuned on the same task"
        )

    @pytest.mark.parametrize("late", [False, True])
    def test_a_supernet_that_was_not_drawn_first_is_named(self, late):
        net = supernet()
        largest, sampled = draws_of(net, SUBS[0])

        with pytest.raises(PluginError) as caught:
            elastic_backward(
                step=step_of(net, Rule()),
                draws=(sampled, largest) if late else (sampled,),
                batch=batch(),
                teacher=None,
                moment=MOMENT,
            )

        assert str(caught.value) == (
            "loss schedule: step 7 lets the largest network teach the sampled one, but the sampler "
            "did not draw the largest before it; use a sampler that draws the largest first"
        )

    @pytest.mark.parametrize("weight", [-0.5, nan])
    def test_a_weight_that_is_no_weight_is_named(self, weight):
        with pytest.raises(PluginError) as caught:
            run(supernet(), Rule(alpha=weight, gamma=0.0))

        assert str(caught.value) == (
            f"loss schedule: weight {weight} of the task term for the largest network at step 7; "
            "weights are finite and not negative"
        )

    def test_a_step_that_trains_nothing_is_refused(self):
        with pytest.raises(PluginError, match="step 7 trains nothing, every term of every drawn"):
            run(supernet(), Rule(alpha=0.0), subs=())

    @pytest.mark.parametrize(("value", "text"), [(nan, "nan"), (float("inf"), "inf")])
    def test_a_loss_that_is_no_number_stops_training(self, value, text):
        net = supernet()

        def broken(logits, batch):
            # The super-network is fine, the second sub-network is not.
            broken.calls += 1
            return task_loss(logits, batch) * (value if broken.calls == 3 else 1.0)

        broken.calls = 0
        with pytest.raises(TrainingError) as caught:
            run(net, Rule(), task_loss=broken)

        assert str(caught.value) == (
            f"step 7: the loss of the sampled network is {text}; "
            "lower tune.lr, use precision: fp32, or check the data for broken examples"
        )

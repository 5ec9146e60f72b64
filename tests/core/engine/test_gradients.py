"""Gradients that conflict are found, and lose just the part that works against the super-network.

The toy is quadratic: a network with weights w and target t has loss |w - t|^2 / 2, so its gradient
is w - t and conflicts can be planted by hand. A sub-network uses the first weights only.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from instatune.engine.gradients import ProjectSub, combiner
from instatune.engine.loss import ElasticStep, elastic_backward
from instatune.errors import PluginError
from instatune.interfaces import Draw, LossWeights, Moment, Schedule
from instatune.space import Architecture
from instatune.testing import tiny

MOMENT = Moment(step=0, total_steps=1, epoch=0, epochs=1)
LARGEST = Architecture({"width": 4})


class Labels(Schedule):
    def weights(self, moment, role):
        return LossWeights(task=1.0)


@attrs.define
class Quadratic:
    """``width`` weights at 0 that are drawn to the targets of whichever network uses them."""

    targets: dict[int, Sequence[float]]
    weight: nn.Parameter = attrs.field(factory=lambda: nn.Parameter(torch.zeros(4).double()))

    def gradient(self, widths: Sequence[int], combine: ProjectSub | None) -> torch.Tensor:
        """Gradient of one step that trains the networks of these widths."""
        self.weight.grad = None
        elastic_backward(
            step=ElasticStep(
                logits=lambda architecture, batch: self.weight[: architecture["width"]],
                task_loss=lambda w, b: (w - w.new_tensor(self.targets[len(w)])).square().sum() / 2,
                schedule=Labels(),
                backward=lambda loss: loss.backward(),
                combine=combine,
            ),
            draws=[
                Draw(Architecture({"width": w}), "largest" if w == 4 else "sampled") for w in widths
            ],
            batch={},
            teacher=None,
            moment=MOMENT,
        )
        return self.weight.grad

    def projecting(self) -> ProjectSub:
        return ProjectSub([self.weight])


class TestQuadratic:
    def test_a_conflicting_component_is_removed_on_the_shared_weights_alone(self):
        # g_S = (1, 0, 3, 3), g = (-2, -5): they conflict along the first axis.
        toy = Quadratic({4: (-1.0, 0.0, -3.0, -3.0), 2: (2.0, 5.0)})
        combine = toy.projecting()

        found = toy.gradient([4, 2], combine)

        assert found.tolist() == pytest.approx([1.0, -5.0, 3.0, 3.0])
        assert (combine.passes, combine.conflict_rate) == (1, 1.0)

    def test_gradients_that_agree_are_added_up(self):
        toy = Quadratic({4: (-1.0, 0.0, -3.0, -3.0), 2: (-2.0, 5.0)})
        combine = toy.projecting()

        found = toy.gradient([4, 2], combine)

        assert found.tolist() == pytest.approx([3.0, -5.0, 3.0, 3.0])
        assert combine.conflict_rate == 0.0

    def test_each_sub_network_is_judged_by_itself(self):
        # The sum of the two, (-1, 0, 0), agrees with nothing; the first alone conflicts.
        toy = Quadratic({4: (-1.0, -1.0, 0.0, 0.0), 2: (3.0, 0.0), 3: (-2.0, 0.0, 0.0)})
        combine = toy.projecting()

        found = toy.gradient([4, 2, 3], combine)

        # g_S = (1, 1 | 0, 0); g_2 = (-3, 0) -> on its only non-zero axis nothing is left of it.
        assert found.tolist() == pytest.approx([1.0 + 0.0 + 2.0, 1.0, 0.0, 0.0])
        assert (combine.passes, combine.conflict_rate) == (2, 0.5)

    def test_the_rate_runs_over_all_steps(self):
        toy = Quadratic({4: (-1.0, 0.0, 0.0, 0.0), 2: (2.0, 5.0), 3: (-1.0, 1.0, 1.0)})
        combine = toy.projecting()

        for width in (2, 3, 3, 3):
            toy.gradient([4, width], combine)

        assert (combine.passes, combine.conflict_rate) == (4, 0.25)

    def test_a_step_of_the_largest_network_alone_is_left_alone(self):
        toy = Quadratic({4: (-1.0, 2.0, 0.0, 1.0)})
        combine = toy.projecting()

        assert toy.gradient([4], combine).tolist() == [1.0, -2.0, 0.0, -1.0]
        assert (combine.passes, combine.conflict_rate) == (0, 0.0)

    def test_a_super_network_at_its_target_is_in_nobodys_way(self):
        toy = Quadratic({4: (0.0,) * 4, 2: (2.0, 5.0)})

        assert toy.gradient([4, 2], toy.projecting()).tolist() == [-2.0, -5.0, 0.0, 0.0]

    def test_a_sub_network_without_the_largest_before_it_is_refused(self):
        toy = Quadratic({2: (1.0, 1.0)})

        with pytest.raises(
            PluginError,
            match="the sampled network comes before the largest, or without it; use gradients: sum",
        ):
            toy.gradient([2], toy.projecting())

    numbers = st.lists(st.floats(-10, 10, width=32), min_size=4, max_size=4)

    @given(whole=numbers, part=numbers)
    def test_what_is_left_never_works_against_the_super_network(self, whole, part):
        toy = Quadratic({4: whole, 3: part[:3]})

        with_sub = toy.gradient([4, 3], toy.projecting())
        g_super = -with_sub.new_tensor(whole)
        left = with_sub - g_super

        # Up to rounding, for which `left` is a difference of two sums.
        assert float(left @ g_super) >= -1e-5 * float(1e-6 + g_super.norm() * (1 + left.norm()))
        assert float(left[3]) == pytest.approx(0.0, abs=1e-9)


class SubsOnly(Schedule):
    """The largest neither learns nor teaches, as in every second step of taking turns."""

    def weights(self, moment, role):
        return LossWeights(task=float(role != "largest"))


def test_a_step_in_which_the_largest_does_not_learn_is_compared_with_nothing():
    net, plain = tiny.supernet(), tiny.supernet()
    architectures = [net.space.largest, net.space.smallest]
    combine = combiner("project_sub", net.model.parameters())

    for where, how in ((net, combine), (plain, None)):
        elastic_backward(
            step=attrs.evolve(step_of(where, how), schedule=SubsOnly()),
            draws=draws_of(architectures),
            batch=tiny.batches()[0],
            teacher=None,
            moment=MOMENT,
        )

    assert (combine.passes, combine.conflict_rate) == (0, 0.0)
    for found, expected in zip(net.model.parameters(), plain.model.parameters(), strict=True):
        assert (found.grad is None) == (expected.grad is None)
        assert found.grad is None or torch.equal(found.grad, expected.grad)


class TestSum:
    def test_needs_no_combiner(self):
        assert combiner("sum", [nn.Parameter(torch.zeros(1))]) is None
        assert isinstance(combiner("project_sub", []), ProjectSub)

    def test_is_to_the_bit_what_backward_passes_one_after_the_other_give(self):
        net, twin = tiny.supernet(), tiny.supernet()
        drawn = net.space.decode(net.space.sample(np.random.default_rng(0), 3))
        architectures, batch = [net.space.largest, *drawn], tiny.batches()[0]

        losses = elastic_backward(
            step=step_of(net, None),
            draws=draws_of(architectures),
            batch=batch,
            teacher=None,
            moment=MOMENT,
        )

        for architecture in architectures:
            with twin.active(architecture):
                logits = twin.logits(batch)
            tiny.TinyTask().loss(logits, batch).backward()
        for found, expected in zip(net.model.parameters(), twin.model.parameters(), strict=True):
            assert torch.equal(found.grad, expected.grad)
        assert set(losses) == {"largest", "sampled"}


def test_projecting_on_a_super_network_of_transformers():
    net, twin = tiny.supernet(), tiny.supernet()
    drawn = net.space.decode(net.space.sample(np.random.default_rng(0), 4))
    batch = tiny.batches()[0]
    combine = combiner("project_sub", net.model.parameters())
    whole, total = by_hand(twin, [twin.space.largest, *drawn], batch)

    losses = elastic_backward(
        step=step_of(net, combine),
        draws=draws_of([net.space.largest, *drawn]),
        batch=batch,
        teacher=None,
        moment=MOMENT,
    )

    conflicts = [float(dot) < 0 for dot in whole]
    assert losses["conflicts"] == pytest.approx(sum(conflicts) / 4)
    for found, expected in zip(net.model.parameters(), total, strict=True):
        torch.testing.assert_close(found.grad, expected, atol=1e-5, rtol=1e-4)


def by_hand(net, architectures, batch):
    """Products with the super-network's gradient, and the combined gradient, on flat vectors."""
    flat = []
    for architecture in architectures:
        with net.active(architecture):
            logits = net.logits(batch)
        loss = tiny.TinyTask().loss(logits, batch)
        found = torch.autograd.grad(loss, list(net.model.parameters()), allow_unused=True)
        zeros = [torch.zeros_like(p) for p in net.model.parameters()]
        flat.append(
            torch.cat(
                [(z if g is None else g).flatten() for g, z in zip(found, zeros, strict=True)]
            )
        )
    whole, *subs = flat
    dots = [sub @ whole for sub in subs]
    total = whole.clone()
    for sub, dot in zip(subs, dots, strict=True):
        shared = torch.where(sub == 0, 0.0, whole)
        total += sub - min(float(dot), 0.0) / float(shared @ shared) * shared
    sizes = [p.numel() for p in net.model.parameters()]
    parts = total.split(sizes)
    return dots, [part.view_as(p) for part, p in zip(parts, net.model.parameters(), strict=True)]


def step_of(net, combine) -> ElasticStep:
    def logits(architecture, batch):
        with net.active(architecture):
            return net.logits(batch)

    return ElasticStep(
        logits=logits,
        task_loss=tiny.TinyTask().loss,
        schedule=Labels(),
        backward=lambda loss: loss.backward(),
        combine=combine,
    )


def draws_of(architectures) -> list[Draw]:
    roles = ["largest", *["sampled"] * (len(architectures) - 1)]
    return [Draw(a, role) for a, role in zip(architectures, roles, strict=True)]

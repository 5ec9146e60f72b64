"""Weights of the loss terms, against Equation 1 read literally."""

from __future__ import annotations

from math import log

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.interfaces import LossWeights, Moment
from instatune_plugins.schedules import AlphaDivergenceConfig, InPlaceConfig, InstaTuneConfig
from instatune_plugins.schedules.alpha_divergence import AlphaDivergence
from instatune_plugins.schedules.in_place import InPlace
from instatune_plugins.schedules.instatune import InstaTune
from instatune_plugins.schedules.plain import Plain


def at(epoch: int, epochs: int = 20) -> Moment:
    return Moment(step=epoch * 100, total_steps=epochs * 100, epoch=epoch, epochs=epochs)


def instatune(**settings) -> InstaTune:
    return InstaTune(InstaTuneConfig(**settings))


class TestInstaTune:
    def test_low_cost_lets_the_supernet_teach_and_nobody_teaches_it(self):
        schedule = instatune(gamma="low_cost")

        assert schedule.weights(at(0), "largest") == LossWeights(task=0.3)
        assert schedule.weights(at(0), "sampled") == LossWeights(task=0.3, supernet=0.7)
        assert not schedule.uses_teacher(20)

    def test_high_cost_lets_the_teacher_teach_everybody(self):
        schedule = instatune(gamma="high_cost")

        for role in ("largest", "sampled", "smallest"):
            assert schedule.weights(at(19), role) == LossWeights(task=0.3, teacher=0.7)
        assert schedule.uses_teacher(1)

    def test_teacher_first_changes_over_after_its_epochs(self):
        schedule = instatune(gamma="teacher_first", teacher_epochs=10)

        assert [schedule.gamma(epoch) for epoch in range(20)] == [1.0] * 10 + [0.0] * 10
        assert schedule.weights(at(9), "sampled") == LossWeights(task=0.3, teacher=0.7)
        assert schedule.weights(at(10), "sampled") == LossWeights(task=0.3, supernet=0.7)
        assert schedule.uses_teacher(20)

    def test_smallest_learns_as_sampled_ones_do(self):
        schedule = instatune()

        assert schedule.weights(at(0), "smallest") == schedule.weights(at(0), "sampled")

    def test_alpha_one_leaves_the_labels_alone(self):
        for gamma in ("low_cost", "high_cost"):
            for role in ("largest", "sampled"):
                found = instatune(alpha=1.0, gamma=gamma).weights(at(0), role)
                assert (found.task, found.teacher, found.supernet) == (1.0, 0.0, 0.0)

    def test_temperature_is_rho(self):
        assert instatune(rho=4.0).weights(at(0), "sampled").temperature == 4.0

    @given(alpha=st.floats(0, 1), epoch=st.integers(0, 19), teacher_epochs=st.integers(1, 30))
    def test_weights_of_a_sub_network_sum_to_one(self, alpha, epoch, teacher_epochs):
        schedule = instatune(alpha=alpha, gamma="teacher_first", teacher_epochs=teacher_epochs)

        found = schedule.weights(at(epoch), "sampled")

        assert found.task + found.teacher + found.supernet == pytest.approx(1.0)
        assert 0.0 in (found.teacher, found.supernet)

    def test_teacher_first_needs_its_number_of_epochs(self):
        with pytest.raises(
            ValueError, match="teacher_first needs teacher_epochs, the number of epochs"
        ):
            instatune(gamma="teacher_first")

    def test_a_number_of_epochs_without_teacher_first_is_refused(self):
        with pytest.raises(
            ValueError,
            match="teacher_epochs has no meaning with gamma: low_cost; remove it or use gamma",
        ):
            instatune(teacher_epochs=3)

    @pytest.mark.parametrize(
        ("settings", "name"),
        [
            ({"alpha": 1.5}, "alpha"),
            ({"alpha": -0.1}, "alpha"),
            ({"rho": 0.0}, "rho"),
            ({"gamma": "teacher_first", "teacher_epochs": 0}, "teacher_epochs"),
        ],
    )
    def test_values_out_of_range_are_refused(self, settings, name):
        with pytest.raises(ValueError, match=name):
            instatune(**settings)


class TestOthers:
    def test_plain_weighs_labels_only(self):
        for role in ("largest", "sampled", "smallest"):
            assert Plain().weights(at(3), role) == LossWeights(task=1.0)
        assert not Plain().uses_teacher(5)

    def test_in_place_shows_labels_to_the_largest_only(self):
        schedule = InPlace(InPlaceConfig(rho=2.0))

        assert schedule.weights(at(0), "largest") == LossWeights(task=1.0)
        for role in ("sampled", "smallest"):
            assert schedule.weights(at(0), role) == LossWeights(
                task=0.0, supernet=1.0, temperature=2.0
            )
        assert not schedule.uses_teacher(5)


INSIDE = {"hidden": 0.1, "relation": 0.2, "relation_heads": 6, "relation_layers": "all"}


class TestInnerTerms:
    @pytest.mark.parametrize(
        ("schedule", "config"),
        [
            (InstaTune, InstaTuneConfig),
            (InPlace, InPlaceConfig),
            (AlphaDivergence, AlphaDivergenceConfig),
        ],
    )
    def test_sub_networks_learn_them_and_the_largest_does_not(self, schedule, config):
        plain, looking = schedule(config()), schedule(config(**INSIDE))

        assert plain.inner_terms(5) == frozenset()
        assert looking.inner_terms(5) == {"hidden", "relation"}
        assert looking.weights(at(0), "largest") == plain.weights(at(0), "largest")
        for role in ("sampled", "smallest"):
            before = plain.weights(at(0), role)
            assert before == attrs.evolve(before, hidden=0.0, relation=0.0)
            assert looking.weights(at(0), role) == attrs.evolve(before, **INSIDE)

    def test_each_of_them_may_stand_alone(self):
        assert instatune(hidden=1.0).inner_terms(1) == {"hidden"}
        assert instatune(relation=1.0, gamma="high_cost").inner_terms(1) == {"relation"}
        assert Plain().inner_terms(3) == frozenset()

    @pytest.mark.parametrize(
        ("settings", "name"),
        [
            ({"hidden": -0.1}, "hidden"),
            ({"relation": float("nan")}, "relation"),
            ({"relation_heads": 0}, "relation_heads"),
            ({"relation_layers": "first"}, "relation_layers"),
        ],
    )
    def test_values_out_of_range_are_refused(self, settings, name):
        for config in (InstaTuneConfig, InPlaceConfig, AlphaDivergenceConfig):
            with pytest.raises(ValueError, match=f"'{name}' must be"):
                config(**settings)


class TestDistance:
    def test_is_kl_of_teacher_to_student_by_hand(self):
        # Teacher (1/2, 1/2), student (3/4, 1/4): 0.5 ln(0.5/0.75) + 0.5 ln(0.5/0.25).
        student = torch.tensor([[log(3.0), 0.0]])
        teacher = torch.tensor([[0.0, 0.0]])

        forward = Plain().distance(student, teacher, 1.0).item()
        backward = Plain().distance(teacher, student, 1.0).item()

        assert forward == pytest.approx(0.5 * log(2 / 3) + 0.5 * log(2), rel=1e-5)
        assert backward == pytest.approx(0.75 * log(1.5) + 0.25 * log(0.5), rel=1e-5)

    @pytest.mark.parametrize("rho", [0.5, 1.0, 3.0])
    def test_equals_torch_with_the_factor_rho_squared(self, rho):
        generator = torch.Generator().manual_seed(0)
        student, teacher = torch.randn(2, 5, 7, generator=generator).unbind()

        found = Plain().distance(student, teacher, rho)

        p = torch.softmax(teacher / rho, dim=1)
        q = torch.softmax(student / rho, dim=1)
        expected = (p * (p.log() - q.log())).sum(1).mean() * rho**2
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(
            found,
            torch.nn.functional.kl_div(q.log(), p, reduction="batchmean") * rho**2,
        )

    def test_gradients_hardly_depend_on_a_high_temperature(self):
        # What the factor is for: for rho -> inf the gradient tends to (s - t) / classes, centred.
        teacher = torch.tensor([[1.0, -1.0, 0.0]])
        student = torch.zeros(1, 3, requires_grad=True)

        for rho in (100.0, 300.0):
            (gradient,) = torch.autograd.grad(Plain().distance(student, teacher, rho), student)
            torch.testing.assert_close(gradient, -teacher / 3, rtol=0.01, atol=5e-3)


@pytest.mark.parametrize(
    "schedule",
    [instatune(), AlphaDivergence(AlphaDivergenceConfig()), Plain()],
    ids=lambda schedule: type(schedule).__name__,
)
def test_numbers_are_compared_by_their_squared_error(schedule):
    student = torch.tensor([[0.5], [2.0]], requires_grad=True)
    teacher = torch.tensor([[1.5], [0.0]])

    distance = schedule.distance(student, teacher, temperature=3.0)
    distance.backward()

    assert distance.item() == pytest.approx((1.0 + 4.0) / 2)
    assert student.grad.tolist() == [[-1.0], [2.0]]


@pytest.mark.parametrize(
    "schedule",
    [instatune(), AlphaDivergence(AlphaDivergenceConfig())],
    ids=lambda schedule: type(schedule).__name__,
)
def test_tokens_are_compared_one_by_one_and_padding_adds_nothing(schedule):
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 4, 5, generator=generator)
    student[1, 2:], teacher[1, 2:] = 0.0, 0.0

    rows = [
        schedule.distance(s[None], t[None], 2.0)
        for s, t in zip(student.flatten(0, 1), teacher.flatten(0, 1), strict=True)
    ]

    assert schedule.distance(student, teacher, 2.0) == pytest.approx(
        sum(rows).item() / 12, rel=1e-5
    )
    assert [rows[6].item(), rows[7].item()] == pytest.approx([0.0, 0.0], abs=1e-6)

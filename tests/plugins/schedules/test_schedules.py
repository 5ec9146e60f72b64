"""Weights of the loss terms, against Equation 1 read literally."""

from __future__ import annotations

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.interfaces import LossWeights, Moment
from instatune_plugins.schedules import InPlaceConfig, InstaTuneConfig
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

"""The adaptive α-divergence, against its definition."""

from __future__ import annotations

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.interfaces import LossWeights, Moment
from instatune_plugins.schedules import AlphaDivergenceConfig
from instatune_plugins.schedules.alpha_divergence import AlphaDivergence, divergence

MOMENT = Moment(step=0, total_steps=1, epoch=0, epochs=1)
NO_CLIP = 1e30


def pair(seed: int, scale: float = 1.0, examples: int = 4, classes: int = 5):
    """Logits of a student, with a graph, and of a teacher."""
    generator = torch.Generator().manual_seed(seed)
    student = scale * torch.randn(examples, classes, generator=generator, dtype=torch.float64)
    teacher = scale * torch.randn(examples, classes, generator=generator, dtype=torch.float64)
    return student.requires_grad_(), teacher


def by_definition(student, teacher, alpha):
    p, q = teacher.softmax(-1), student.softmax(-1)
    return (q * ((p / q) ** alpha - 1)).sum(-1) / (alpha * (alpha - 1))


class TestDivergence:
    @pytest.mark.parametrize("alpha", [-2.0, -1.0, -0.3, 0.5, 0.9])
    def test_value_and_gradient_are_those_of_the_definition(self, alpha):
        student, teacher = pair(0)

        found = divergence(teacher.log_softmax(-1), student.log_softmax(-1), alpha, NO_CLIP)

        expected = by_definition(student, teacher, alpha)
        torch.testing.assert_close(found, expected)
        ours, theirs = (torch.autograd.grad(v.sum(), student)[0] for v in (found, expected))
        torch.testing.assert_close(ours, theirs)

    def test_minus_one_is_half_of_chi_square(self):
        student, teacher = pair(1)
        p, q = teacher.softmax(-1), student.softmax(-1)

        found = divergence(p.log(), q.log(), -1.0, NO_CLIP)

        torch.testing.assert_close(found, ((q - p) ** 2 / p).sum(-1) / 2)

    @pytest.mark.parametrize("limit", [1.0, 0.0])
    def test_kl_is_the_limit_in_both_directions(self, limit):
        student, teacher = pair(2)
        logs = teacher.log_softmax(-1), student.log_softmax(-1)
        near = 0.995 if limit else -0.005

        exact, close = divergence(*logs, limit, 5.0), divergence(*logs, near, NO_CLIP)

        torch.testing.assert_close(exact, close, rtol=0.03, atol=0)
        p, q = teacher.softmax(-1), student.softmax(-1)
        kl = (p * (p / q).log()).sum(-1) if limit else (q * (q / p).log()).sum(-1)
        torch.testing.assert_close(exact, kl)

    @given(seed=st.integers(0, 10_000), alpha=st.floats(-4, 1), scale=st.floats(0.1, 30))
    def test_a_clipped_divergence_is_finite_and_not_negative(self, seed, alpha, scale):
        student, teacher = pair(seed, scale)
        clip = max(1 - alpha, 2.0)

        found = divergence(teacher.log_softmax(-1), student.log_softmax(-1), alpha, clip)
        gradient = torch.autograd.grad(found.sum(), student)[0]

        assert torch.isfinite(found).all()
        assert (found >= -1e-6).all()
        assert torch.isfinite(gradient).all()

    def test_clipping_bounds_the_gradient(self):
        # The student is sure of what the teacher holds for impossible.
        student = torch.tensor([[20.0, 0.0, 0.0]], requires_grad=True)
        teacher = torch.tensor([[-20.0, 0.0, 0.0]])
        logs = teacher.log_softmax(-1), student.log_softmax(-1)

        bounded = torch.autograd.grad(divergence(*logs, -1.0, 5.0).sum(), student)[0]

        student.grad = None
        logs = teacher.log_softmax(-1), student.log_softmax(-1)
        free = torch.autograd.grad(divergence(*logs, -1.0, NO_CLIP).sum(), student)[0]
        assert bounded.abs().max() < 5
        assert free.abs().max() > bounded.abs().max()


class TestAlphaDivergence:
    def schedule(self, **settings) -> AlphaDivergence:
        return AlphaDivergence(AlphaDivergenceConfig(**settings))

    def test_labels_teach_the_largest_and_the_largest_teaches_the_rest(self):
        schedule = self.schedule(rho=2.0)

        assert schedule.weights(MOMENT, "largest") == LossWeights(task=1.0)
        for role in ("sampled", "smallest"):
            assert schedule.weights(MOMENT, role) == LossWeights(
                task=0.0, supernet=1.0, temperature=2.0
            )
        assert not schedule.uses_teacher(5)

    def test_the_larger_divergence_of_each_example_counts(self):
        student, teacher = pair(3, scale=0.5)

        found = self.schedule(clip=1000.0).distance(student, teacher, 1.0)

        both = torch.stack([by_definition(student, teacher, -1.0), kl(student, teacher)])
        assert {0, 1} == set(both.argmax(0).tolist())  # either one is the larger for some
        assert found.item() == pytest.approx(both.max(0).values.mean().item(), rel=1e-5)

    def test_it_punishes_what_kl_hardly_sees(self):
        """A student that expects much where the teacher expects nothing: over-estimation."""
        teacher = torch.tensor([[4.0, 4.0, -8.0]])
        student = torch.tensor([[4.0, 4.0, 1.0]], requires_grad=True)

        distances = self.schedule().distance(student, teacher, 1.0), kl(student, teacher).sum()
        ours, plain = (torch.autograd.grad(d, student)[0][0, 2].item() for d in distances)

        assert ours > 3 * plain > 0

    def test_softening_scales_as_kl_does(self):
        student, teacher = pair(4, scale=0.01)
        schedule = self.schedule()

        assert schedule.distance(student, teacher, 3.0).item() == pytest.approx(
            schedule.distance(student, teacher, 1.0).item(), rel=0.05
        )

    def test_descending_it_makes_the_student_equal_to_the_teacher(self):
        student, teacher = pair(5, scale=3.0)
        schedule = self.schedule()
        optimiser = torch.optim.Adam([student], lr=0.1)

        for _ in range(400):
            optimiser.zero_grad()
            loss = schedule.distance(student, teacher, 1.0)
            loss.backward()
            optimiser.step()

        assert loss.item() < 1e-4
        torch.testing.assert_close(student.softmax(-1), teacher.softmax(-1), atol=0.02, rtol=0)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"clip": 1.9}, r"clip 1\.9 is below 1 - alpha_min = 2\.0: the divergence could be ne"),
            ({"alpha_min": 0.5}, "alpha_min"),
            ({"alpha_max": 1.5}, "alpha_max"),
            ({"rho": 0.0}, "rho"),
        ],
    )
    def test_settings_out_of_range_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            AlphaDivergenceConfig(**settings)


def kl(student, teacher):
    p = teacher.softmax(-1)
    return (p * (teacher.log_softmax(-1) - student.log_softmax(-1))).sum(-1)


def test_two_equal_coins_are_log_two_apart_from_a_sure_one():
    sure, fair = torch.tensor([[50.0, -50.0]]), torch.tensor([[0.0, 0.0]])

    found = divergence(sure.log_softmax(-1), fair.log_softmax(-1), 1.0, 5.0)

    assert found.item() == pytest.approx(log(2))

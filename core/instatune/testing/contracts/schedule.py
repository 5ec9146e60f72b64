"""Contract of loss schedules."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import ClassVar, cast

from instatune.interfaces import LossWeights, Moment, Role
from instatune.plugin.entries import Kind, ScheduleEntry
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect

_EPOCHS, _STEPS = 6, 10
_ROLES: tuple[Role, ...] = ("largest", "sampled", "smallest")


class ScheduleContract(Contract):
    """Weights are finite, declared by the entry, and the distance teaches the student."""

    kind: ClassVar[Kind] = "schedules"

    def weights(self) -> Iterator[tuple[Moment, Role, LossWeights]]:
        """All weights of a short training."""
        schedule = self.make()
        for step in range(_EPOCHS * _STEPS):
            moment = Moment(
                step=step, total_steps=_EPOCHS * _STEPS, epoch=step // _STEPS, epochs=_EPOCHS
            )
            for role in _ROLES:
                yield moment, role, schedule.weights(moment, role)

    def test_weights_are_finite_and_not_negative(self) -> None:
        for moment, role, weights in self.weights():
            for name in ("task", "teacher", "supernet", "hidden", "relation"):
                value = getattr(weights, name)
                expect(
                    isfinite(value) and value >= 0,
                    f"step {moment.step}, {role}: weight of {name} is {value}",
                )
            temperature = weights.temperature
            expect(
                isfinite(temperature) and temperature > 0,
                f"step {moment.step}, {role}: temperature is {temperature}; it must be above 0",
            )

    def test_every_step_trains_something(self) -> None:
        alive: dict[int, float] = {}
        for moment, _, w in self.weights():
            total = w.task + w.teacher + w.supernet + w.hidden + w.relation
            alive[moment.step] = alive.get(moment.step, 0.0) + total
        dead = [step for step, total in alive.items() if not total]
        expect(not dead, f"steps {dead} train nothing: all weights are 0")

    def test_the_largest_network_does_not_teach_itself(self) -> None:
        for moment, role, weights in self.weights():
            expect(
                role != "largest" or not _from_largest(weights),
                f"step {moment.step}: the largest network cannot learn from itself",
            )

    def test_the_entry_declares_who_teaches(self) -> None:
        entry = cast("ScheduleEntry", self.offer().entry)
        for moment, role, weights in self.weights():
            learns = _from_largest(weights)
            expect(
                entry.needs_largest or not learns,
                f"step {moment.step}, {role}: {learns} has a weight; set needs_largest=True",
            )

    def test_the_teacher_is_asked_for_when_it_has_a_weight(self) -> None:
        schedule = self.make()
        used = any(weights.teacher for _, _, weights in self.weights())
        expect(
            schedule.uses_teacher(_EPOCHS) or not used,
            "the teacher has a weight, but uses_teacher says no",
        )

    def test_what_is_compared_inside_of_networks_is_asked_for(self) -> None:
        asked = self.make().inner_terms(_EPOCHS)
        for moment, role, weights in self.weights():
            for term in ("hidden", "relation"):
                expect(
                    term in asked or not getattr(weights, term),
                    f"step {moment.step}, {role}: {term} has a weight, but inner_terms lacks it",
                )

    def test_same_moment_gives_the_same_weights(self) -> None:
        expect(list(self.weights()) == list(self.weights()), "weights differ from call to call")

    def test_the_distance_is_zero_between_equals_and_teaches_the_student(self) -> None:
        import torch

        schedule = self.make()
        generator = torch.Generator().manual_seed(0)
        teacher = torch.randn(5, 3, generator=generator)
        student = torch.randn(5, 3, generator=generator, requires_grad=True)
        distance = schedule.distance(student, teacher, 2.0)
        distance.backward()
        expect(distance.shape == (), f"the distance has shape {list(distance.shape)}, not []")
        expect(float(distance.detach()) > 0, "the distance of different logits is not above 0")
        expect(student.grad is not None and bool(student.grad.any()), "the student learns nothing")
        same = float(schedule.distance(teacher, teacher, 2.0))
        expect(abs(same) < 1e-6, f"the distance of equal logits is {same}, not 0")

    def test_single_outputs_teach_as_numbers(self) -> None:
        import torch

        student = torch.tensor([[0.5], [2.0]], requires_grad=True)
        teacher = torch.tensor([[1.0], [-1.0]])
        distance = self.make().distance(student, teacher, 2.0)
        expect(
            distance.requires_grad and float(distance.detach()) > 0,
            f"the distance of numbers that differ is {float(distance.detach())}, as that of a "
            "softmax over one output; use a distance of numbers where there is one output",
        )


def _from_largest(weights: LossWeights) -> str:
    """Terms by which a network learns from the largest one, as words."""
    terms = ("supernet", "hidden", "relation")
    return " and ".join(term for term in terms if getattr(weights, term))

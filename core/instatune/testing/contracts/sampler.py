"""Contract of samplers."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, cast

import numpy as np

from instatune.errors import SpaceError
from instatune.interfaces import Draw, Gauge
from instatune.plugin.entries import Kind, SamplerEntry
from instatune.space import SearchSpace
from instatune.testing import fakes
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness

_STEPS = 20


class SamplerContract(Contract):
    """Draws are members of the space, replayable, largest first."""

    kind: ClassVar[Kind] = "samplers"

    def space(self) -> SearchSpace:
        """Where it draws from."""
        return fakes.space()

    def gauge(self, space: SearchSpace) -> Gauge:
        """Exact MACs of the tiny transformer, and a made-up loss."""
        return Gauge(
            macs=fakes.Landscape(space=space).macs,
            loss=lambda architecture: int(architecture.key, 16) / 16**12,
        )

    def draws(self, step: int) -> tuple[Draw, ...]:
        """Draw once with a fresh sampler and a fresh generator."""
        space, rng = self.space(), np.random.default_rng(0)
        return tuple(self.make().draw_with(self.gauge(space), space, step, _STEPS, rng))

    def training(self) -> Iterator[tuple[int, tuple[Draw, ...]]]:
        """Each step of a short training with what it draws."""
        sampler, space, rng = self.make(), self.space(), np.random.default_rng(0)
        gauge = self.gauge(space)
        for step in range(_STEPS):
            yield step, tuple(sampler.draw_with(gauge, space, step, _STEPS, rng))

    def test_every_step_trains_something_of_the_space(self) -> None:
        space = self.space()
        for step, draws in self.training():
            expect(draws, f"step {step} draws nothing; a step must train at least one network")
            for draw in draws:
                canonical = space.architecture(draw.architecture.as_dict())
                expect(draw.architecture == canonical, f"{draw.architecture} is not canonical")

    def test_same_step_and_generator_give_the_same_draws(self) -> None:
        expect(self.draws(3) == self.draws(3), "two samplers with one seed draw differently")

    def test_it_keeps_no_memory_of_earlier_steps(self) -> None:
        sampler, space = self.make(), self.space()
        gauge = self.gauge(space)
        for step in range(3):
            sampler.draw_with(gauge, space, step, _STEPS, np.random.default_rng(step))
        after = tuple(sampler.draw_with(gauge, space, 3, _STEPS, np.random.default_rng(0)))
        expect(after == self.draws(3), "draws depend on earlier calls; a resumed run would differ")

    def test_all_randomness_comes_from_the_generator(self) -> None:
        with no_hidden_randomness():
            self.draws(0)

    def test_roles_say_what_the_networks_are(self) -> None:
        space = self.space()
        for step, draws in self.training():
            for draw in draws:
                wanted = {"largest": space.largest, "smallest": space.smallest}.get(draw.role)
                expect(
                    wanted is None or draw.architecture == wanted,
                    f"step {step}: a draw of role {draw.role!r} is {draw.architecture}",
                )

    def test_the_largest_network_comes_first(self) -> None:
        entry = cast("SamplerEntry", self.offer().entry)
        for step, draws in self.training():
            roles = [draw.role for draw in draws]
            expect("largest" not in roles[1:], f"step {step}: the largest must come first: {roles}")
            expect(
                not entry.draws_largest or roles[0] == "largest",
                f"step {step} does not draw the largest, but the entry says draws_largest=True",
            )

    def test_a_space_without_choice_is_drawn_from_or_refused(self) -> None:
        space = fakes.single_space()
        try:
            rng = np.random.default_rng(0)
            draws = self.make().draw_with(self.gauge(space), space, 0, _STEPS, rng)
        except SpaceError:
            return
        expect(
            all(draw.architecture == space.largest for draw in draws),
            "a space of one architecture gave another one",
        )

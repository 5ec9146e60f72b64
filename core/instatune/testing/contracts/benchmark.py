"""Contract of benchmarks."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from instatune.errors import SpaceError
from instatune.interfaces import Arena, Benchmark, Measurement
from instatune.metrics.front import non_dominated
from instatune.metrics.hypervolume import Box
from instatune.plugin.entries import Kind
from instatune.space import Architecture
from instatune.space.members import members
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness


class BenchmarkContract(Contract):
    """Measures every network of its space, the same values each time, in a box that fits.

    Attributes:
        networks: Random networks that the tests measure, besides the largest and the smallest.
        most_members: A space with more networks than this is not measured as a whole to check its
            true front; the random networks must do.
    """

    kind: ClassVar[Kind] = "benchmarks"
    networks: ClassVar[int] = 30
    most_members: ClassVar[int] = 20_000
    _opened: ClassVar[list[Arena]]

    def __init_subclass__(cls) -> None:
        cls._opened = []  # opening may be slow: once for each class of tests

    def arena(self) -> Arena:
        """The arena; opened once for all tests."""
        if not self._opened:
            self._opened.append(self.open())
        return self._opened[0]

    def open(self) -> Arena:
        """Open the benchmark anew."""
        return cast("Benchmark", self.make()).open()

    def sample(self) -> list[Architecture]:
        """The largest, the smallest and random networks, each once."""
        space = self.arena().space
        drawn = space.sample(np.random.default_rng(5), self.networks)
        return list(dict.fromkeys([space.largest, space.smallest, *space.decode(drawn)]))

    def losses(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Measured losses ``[rows, aims]``."""
        arena = self.arena()
        return np.array([_losses(arena, found) for found in arena.measure(architectures)])

    def test_it_says_what_it_is(self) -> None:
        text = self.arena().description
        expect(text.strip() and "\n" not in text, f"description {text!r}: give one sentence")

    def test_its_aims_have_names_and_goals(self) -> None:
        aims = self.arena().aims
        names = [aim.name for aim in aims]
        expect(aims, "no aim: there is nothing to search for")
        expect(len(set(names)) == len(names), f"aims {names}: a name is there twice")
        for aim in aims:
            expect(aim.goal in ("min", "max"), f"goal of {aim.name!r} is {aim.goal!r}")
            expect(aim.label.strip(), f"aim {aim.name!r} has no label; tables show it")

    def test_there_is_a_function_for_each_exact_aim(self) -> None:
        arena = self.arena()
        missing = {aim.name for aim in arena.aims if aim.exact} - set(arena.exact)
        expect(not missing, f"exact aims {sorted(missing)} have no function; strategies need it")

    def test_every_aim_of_a_network_is_measured(self) -> None:
        arena, networks = self.arena(), self.sample()
        found = list(arena.measure(networks))
        _expect_values(arena, networks, found)

    def test_values_on_other_data_are_of_the_same_aims(self) -> None:
        arena, networks = self.arena(), self.sample()[:5]
        if arena.final is not None:
            _expect_values(arena, networks, list(arena.final(networks)))

    def test_a_network_is_measured_the_same_each_time(self) -> None:
        networks = self.sample()
        together = self.losses(networks)
        apart = self.losses(networks[::-1])[::-1]
        expect(np.array_equal(together, apart), "values depend on what is measured before")
        expect(np.array_equal(together[:3], self.losses(networks[:3])), "values change")

    def test_opening_it_again_gives_the_same_benchmark(self) -> None:
        first, second, networks = self.arena(), self.open(), self.sample()[:5]
        expect(first.fingerprint, "the fingerprint is empty; stored values would be mixed up")
        expect(first.fingerprint == second.fingerprint, "the fingerprint differs the second time")
        expect(first.space == second.space, "the space differs the second time")
        again = np.array([_losses(first, found) for found in second.measure(networks)])
        expect(np.array_equal(self.losses(networks), again), "values differ the second time")

    def test_opening_it_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            self.open()

    def test_exact_functions_give_what_is_measured(self) -> None:
        arena, networks = self.arena(), self.sample()
        found = list(arena.measure(networks))
        for name, function in arena.exact.items():
            if name not in {aim.name for aim in arena.aims}:
                continue
            measured = np.array([values[name].value for values in found])
            computed = function(arena.space.encode(networks))
            expect(np.shape(computed) == measured.shape, f"{name!r} is not one value for each row")
            close = np.allclose(computed, measured, rtol=1e-6, atol=0.0)
            expect(close, f"exact function {name!r} gives other values than measuring")

    def test_its_box_fits_its_networks(self) -> None:
        arena, losses = self.arena(), self.losses(self.sample())
        aims = len(arena.aims)
        expect(len(arena.bounds) == aims, f"{len(arena.bounds)} pairs of bounds for {aims} aims")
        expect(len(arena.worst) == aims, f"{len(arena.worst)} worst losses for {aims} aims")
        expect(np.isfinite(np.array(arena.bounds)).all(), f"bounds {arena.bounds} are not finite")
        box = Box.loose(arena.bounds).tight(arena.worst)
        best = box.scale(losses).min(axis=0)
        expect(
            (best >= -1e-9).all(),
            f"a network is better than the best bound: scaled losses {best.tolist()} are below 0",
        )
        expect(box.hypervolume(losses) > 0, "no network lies inside of the tight reference")

    def test_its_true_front_is_attained_and_not_beaten(self) -> None:
        arena = self.arena()
        if arena.front is None:
            return
        front = np.asarray(arena.front, dtype=np.float64)
        expect(front.ndim == 2 and front.shape[1] == len(arena.aims), f"front {front.shape}")
        expect(len(front) and non_dominated(front).all(), "a point of the front beats another")
        everything = self._members()
        losses = self.losses(self.sample() if everything is None else everything)
        beaten = (front[:, None] <= losses[None] + 1e-12).all(axis=2).any(axis=0)
        expect(beaten.all(), "a network is not reached by any point of the front")
        if everything is not None:
            true = {tuple(row) for row in losses[non_dominated(losses)].tolist()}
            stated = {tuple(row) for row in front.tolist()}
            expect(stated == true, f"the true front has {len(true)} points, not {len(stated)}")

    def _members(self) -> list[Architecture] | None:
        """All networks; None if there are too many."""
        space = self.arena().space
        if space.size > self.most_members:
            return None
        try:
            return space.decode(members(space))
        except SpaceError:
            return None


def _losses(arena: Arena, values: object) -> list[float]:
    found = cast("dict[str, Measurement]", values)
    return [
        -found[aim.name].value if aim.goal == "max" else found[aim.name].value for aim in arena.aims
    ]


def _expect_values(arena: Arena, networks: Sequence[Architecture], found: Sequence[object]) -> None:
    """Expect a finite measurement of each aim for each network."""
    expect(len(found) == len(networks), f"{len(found)} results for {len(networks)} networks")
    names = {aim.name for aim in arena.aims}
    for network, values in zip(networks, found, strict=True):
        measured = cast("dict[str, Measurement]", values)
        lacking = sorted(names - set(measured))
        expect(not lacking, f"{network.as_dict()}: no value of {lacking}")
        finite = all(np.isfinite(measured[name].value) for name in names)
        expect(finite, f"{network.as_dict()}: a value is not finite")

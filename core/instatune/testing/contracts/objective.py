"""Contract of objectives."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Sequence
from math import isclose, isfinite
from typing import ClassVar, cast

import numpy as np

from instatune.interfaces import Bench, ExactObjective, Measurement, Objective
from instatune.plugin.entries import Kind, ObjectiveEntry
from instatune.space import Architecture
from instatune.testing import fakes
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness


class ObjectiveContract(Contract):
    """Tells one finite value for each architecture, the same whatever it is measured with."""

    kind: ClassVar[Kind] = "objectives"

    def bench(self) -> Bench:
        """A tiny super-network in front of a tiny task."""
        from instatune.testing import tiny

        return tiny.TinyBench()

    def architectures(self) -> list[Architecture]:
        """Largest, smallest and a few between."""
        space = fakes.space()
        drawn = space.decode(space.sample(np.random.default_rng(0), 3))
        return [space.largest, space.smallest, *drawn]

    def measured(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        """Measure with a fresh objective."""
        told: list[Measurement] = []
        cast("Objective", self.make()).measure(architectures, self.bench(), told.append)
        return told

    def declared(self) -> ObjectiveEntry:
        """What the entry says."""
        return cast("ObjectiveEntry", self.offer().entry)

    def test_it_tells_one_measurement_for_each_architecture(self) -> None:
        asked = self.architectures()
        told = self.measured(asked)
        expect(len(told) == len(asked), f"{len(told)} measurements for {len(asked)} architectures")

    def test_values_are_finite_and_errors_not_negative(self) -> None:
        for value in self.measured(self.architectures()):
            expect(isfinite(value.value), f"value {value.value} is not finite")
            expect(isfinite(value.std) and value.std >= 0, f"standard error {value.std}")
            expect(value.n >= 1, f"n = {value.n}; at least one example or repeat is behind a value")

    def test_values_do_not_depend_on_company(self) -> None:
        if self.declared().cost == "device":  # a clock never shows the same time twice
            return
        asked = self.architectures()
        alone = [self.measured([architecture])[0].value for architecture in reversed(asked)]
        together = [measurement.value for measurement in self.measured(asked)]
        same = [isclose(a, b, rel_tol=1e-6) for a, b in zip(reversed(alone), together, strict=True)]
        expect(all(same), f"measured alone: {alone[::-1]}; together: {together}")

    def test_exact_objectives_are_formulas(self) -> None:
        objective, entry = self.make(), self.declared()
        if entry.cost != "exact":
            return
        expect(
            isinstance(objective, ExactObjective),
            "the entry says cost='exact'; then the class must be an ExactObjective",
        )
        space = fakes.space()
        genotypes = space.encode(self.architectures())
        values = objective.exact(space, fakes.anatomy(), genotypes)
        expect(np.shape(values) == (len(genotypes),), f"shape {np.shape(values)}, not [rows]")
        told = [measurement.value for measurement in self.measured(self.architectures())]
        expect(np.allclose(values, told), f"exact gives {values}, measure tells {told}")

    def test_exact_objectives_take_spaces_with_bits(self) -> None:
        if self.declared().cost != "exact":
            return
        space = fakes.space_with_bits()
        genotypes = space.sample(np.random.default_rng(0), 5)
        values = cast("ExactObjective", self.make()).exact(space, fakes.anatomy(), genotypes)
        expect(bool(np.isfinite(values).all()), f"values {values} are not all finite")

    def test_it_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            self.measured(self.architectures()[:2])

    def test_bounds_lie_in_the_order_of_the_goal(self) -> None:
        entry = self.declared()
        if entry.bounds is None:
            return
        best, worst = entry.bounds
        good = best > worst if entry.goal == "max" else best < worst
        expect(good, f"bounds {entry.bounds} are (best, worst), which goal={entry.goal!r} denies")

"""Contract of elastic dimensions."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from typing import ClassVar, cast

from instatune.interfaces import Dimension
from instatune.plugin.entries import DimensionEntry, Kind
from instatune.space import Anatomy, Gene
from instatune.space.policy import weighted
from instatune.space.search_space import FULL_BITS
from instatune.testing import fakes
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect
from instatune.testing.plugins import assert_light


class DimensionContract(Contract):
    """Genes fit the model and hold the full model as their largest choice."""

    kind: ClassVar[Kind] = "dimensions"

    def anatomy(self) -> Anatomy:
        """The model: 3 layers of 4 heads and 32 neurons by default."""
        return fakes.anatomy()

    def genes(self) -> tuple[Gene, ...]:
        """Make the genes."""
        return cast("Dimension", self.make()).genes(self.anatomy())

    def test_its_class_is_light_too(self) -> None:
        assert_light(self.offer().entry.target.partition(":")[0])

    def test_it_makes_genes_of_the_declared_effect(self) -> None:
        entry = cast("DimensionEntry", self.offer().entry)
        genes = self.genes()
        expect(genes, "no gene was made; raise SpaceError if the model has nothing of the kind")
        for gene in genes:
            expect(
                gene.effect == entry.effect,
                f"gene {gene.name!r} sets {gene.effect}, the entry says effect={entry.effect!r}",
            )

    def test_genes_fit_the_model(self) -> None:
        from instatune.supernet.build import search_space

        space = search_space(self.anatomy(), self.genes())
        expect(space.size >= 1, "the space is empty")

    def test_the_largest_choice_is_the_full_model(self) -> None:
        anatomy = self.anatomy()
        full = {group.name: group.units for group in anatomy.groups}
        full |= {stack.name: stack.layers for stack in anatomy.stacks}
        if cast("DimensionEntry", self.offer().entry).effect == "bits":
            full = dict.fromkeys(weighted(anatomy), FULL_BITS)
        for gene in self.genes():
            for target in gene.targets:
                expect(
                    gene.choices[-1] == full.get(target),
                    f"gene {gene.name!r}: largest choice {gene.choices[-1]}, "
                    f"the model has {full.get(target)} of {target!r}",
                )

    def test_it_makes_the_same_genes_each_time(self) -> None:
        expect(self.genes() == self.genes(), "genes differ from call to call")

    def test_its_priority_holds_every_layer_once(self) -> None:
        dimension = cast("Dimension", self.make())
        for stack in self.anatomy().stacks:
            order = dimension.priority(stack, lambda kept: float(-sum(kept)))
            expect(
                sorted(order) == list(range(stack.layers)),
                f"priority {order} of {stack.name!r} must hold each of its {stack.layers} layers",
            )

    def test_damage_is_asked_for_only_if_announced(self) -> None:
        dimension = cast("Dimension", self.make())
        asked: list[tuple[int, ...]] = []

        def damage(kept: tuple[int, ...]) -> float:
            asked.append(kept)
            return float(-len(kept))

        for stack in self.anatomy().stacks:
            dimension.priority(stack, damage)
        expect(
            dimension.needs_probe or not asked,
            "priority measures damage, but needs_probe is False: there would be no probe",
        )

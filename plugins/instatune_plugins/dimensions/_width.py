"""Elastic width: how many units of each group are kept. The kind of group is all that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from instatune.errors import SpaceError
from instatune.interfaces.dimension import Dimension
from instatune.space import Automatic, Gene
from instatune_plugins.dimensions._choices import Choices

if TYPE_CHECKING:
    from instatune.space import Anatomy, Group
    from instatune_plugins.dimensions import WidthConfig


class Width(Dimension):
    """Genes for all groups of one kind.

    Attributes:
        kind: Kind of group, as adapters write it; also the name of a gene for the whole model.
        noun: What the units are called in messages.
        why_not_none: Said where none of them is asked for, but the model needs some.
    """

    config: WidthConfig
    kind: ClassVar[str]
    noun: ClassVar[str]
    why_not_none: ClassVar[str] = ""

    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make one gene for each layer, or one for the model; see :meth:`Dimension.genes`."""
        groups = anatomy.of_kind(self.kind)
        if not groups:
            raise SpaceError(
                f"a model of the family {anatomy.family!r} has no {self.noun} to leave out"
            )
        if self.config.per == "model":
            return (self._shared(groups),)
        alike = len({group.units for group in groups}) == 1
        settings = attrs.evolve(self._settings, merges=self._settings.merges or not alike)
        return tuple(
            Gene(
                name=group.name,
                choices=settings.of(
                    group.units, "the model" if alike else group.name, group.minimum
                ),
                effect="width",
                targets=(group.name,),
                stack=group.stack,
                layer=group.layer,
            )
            for group in groups
        )

    def _shared(self, groups: tuple[Group, ...]) -> Gene:
        for group in groups:
            if group.units != groups[0].units:
                raise SpaceError(
                    f"one choice for the whole model, but {groups[0].name} has {groups[0].units} "
                    f"{self.noun} and {group.name} has {group.units}; use per: layer",
                    ("per",),
                )
        return Gene(
            name=self.kind,
            choices=self._settings.of(
                groups[0].units, fewest=max(group.minimum for group in groups)
            ),
            effect="width",
            targets=tuple(group.name for group in groups),
        )

    @property
    def automatic(self) -> Automatic | None:
        """What ``auto`` asks for; see :attr:`Dimension.automatic`."""
        if not self.config.auto:
            return None
        low, high = self.config.auto_range
        return Automatic(
            configurations=self.config.auto, low=low, high=high, divisor=self.config.divisor
        )

    @property
    def _settings(self) -> Choices:
        wanted = self.automatic
        return Choices(
            counts=self.config.choices,
            ratio=(*wanted.targets, 1.0) if wanted else self.config.ratio,
            noun=self.noun,
            divisor=self.config.divisor,
            merges=wanted is not None,
            why_not_none=self.why_not_none,
        )

"""Elastic hidden size: how many channels of the residual stream the whole model keeps.

All layers add to the same stream, so this is one gene for the model, as the embedding dimension of
HAT (Wang et al., ACL 2020) and AutoFormer (Chen et al., ICCV 2021). The channels are mixed by
normalisations, which see fewer of them in a narrow network: what is left is no longer close to the
full network, and needs more tuning than fewer heads or neurons do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.errors import SpaceError
from instatune.interfaces.dimension import Dimension
from instatune.space import Gene
from instatune_plugins.dimensions._choices import Choices

if TYPE_CHECKING:
    from instatune.space import Anatomy
    from instatune_plugins.dimensions import EmbedConfig

_KIND = "embed"


class Embed(Dimension):
    """One gene ``embed``."""

    config: EmbedConfig

    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make the gene; see :meth:`Dimension.genes`."""
        groups = anatomy.of_kind(_KIND)
        if not groups:
            raise SpaceError(
                f"the hidden size of a model of the family {anatomy.family!r} cannot be elastic: "
                "its adapter does not say where it lies; leave embed out"
            )
        settings = Choices(
            counts=self.config.choices,
            ratio=self.config.ratio,
            noun="channels",
            divisor=self.config.divisor,
        )
        (group,) = groups
        return (
            Gene(
                name=group.name,
                choices=settings.of(group.units, fewest=group.minimum),
                effect="width",
                targets=(group.name,),
            ),
        )

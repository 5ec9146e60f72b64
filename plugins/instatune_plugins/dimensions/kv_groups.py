"""Elastic attention of decoders that share keys and values among heads.

A unit is a KV group: one key-value head with all the query heads that read it (Ainslie et al.,
"GQA", EMNLP 2023). Where nothing is shared a group is a single head, so that a setting for decoders
fits all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from instatune_plugins.dimensions._width import Width

if TYPE_CHECKING:
    from instatune.space import Anatomy, Gene


class KvGroups(Width):
    """Genes ``kv_groups.0``, ... or one gene ``kv_groups``; of plain heads ``heads.0``, ..."""

    kind = "kv_groups"
    noun = "KV groups"

    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make the genes, of heads where a model has no groups; see :meth:`Dimension.genes`."""
        if not anatomy.of_kind(self.kind):
            alike = (
                attrs.evolve(group, kind=self.kind) if group.kind == "heads" else group
                for group in anatomy.groups
            )
            anatomy = attrs.evolve(anatomy, groups=tuple(alike))
        return super().genes(anatomy)

"""Gene: one decision of the search."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import attrs


def _ascending(
    gene: Gene, attribute: attrs.Attribute[tuple[int, ...]], value: tuple[int, ...]
) -> None:
    if not value or any(a >= b for a, b in pairwise(value)):
        raise ValueError(f"choices of gene {gene.name!r} must be ascending and distinct: {value}")


@attrs.frozen(kw_only=True)
class Gene:
    """One named integer choice.

    Attributes:
        name: Unique, e.g. ``"heads.3"`` or ``"depth"``.
        choices: Allowed values, ascending; the largest is what the full network has of it.
        effect: ``"width"`` keeps that many units of each target group, ``"depth"`` that many layers
            of each target stack, ``"bits"`` sets the bits of each target module; 32 is the
            precision of the model.
        targets: Names of groups, stacks or modules in the anatomy.
        stack: Stack that the gene lives in; with ``layer``: inactive once that layer is dropped.
        layer: Index of the layer in that stack.
    """

    name: str
    choices: tuple[int, ...] = attrs.field(validator=_ascending)
    effect: Literal["width", "depth", "bits"]
    targets: tuple[str, ...]
    stack: str | None = None
    layer: int | None = None

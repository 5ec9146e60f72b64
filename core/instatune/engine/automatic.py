"""Automatic values of width genes, once the importance of units is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from torch import Tensor

from instatune.engine.workshop import Workshop
from instatune.errors import SpaceError
from instatune.space import Automatic, Gene
from instatune.space.automatic import Configuration, refine
from instatune.spec.capabilities import measuring


@attrs.frozen(kw_only=True)
class Found:
    """Genes with their final choices.

    Attributes:
        genes: All genes, in their order.
        words: What was found, for people; empty if nothing was asked for.
    """

    genes: tuple[Gene, ...]
    words: str = ""


def automatic_values(
    shop: Workshop, genes: Sequence[Gene], importance: Mapping[str, Tensor]
) -> Found:
    """Find the values that dimensions leave to us; other genes stay.

    Raises:
        SpaceError: There is no importance of some units, or nothing to choose in the end.
    """
    wanted = [
        (dimension.automatic, dimension.genes(shop.anatomy))
        for dimension in shop.dimensions
        if dimension.automatic is not None
    ]
    if not wanted:
        return Found(genes=tuple(genes))
    for _, own in wanted:
        _check_importance(shop, own, importance)
    scores = {name: values.double().cpu().numpy() for name, values in importance.items()}
    refined, configurations = refine(shop.anatomy, wanted, scores)
    final = tuple(refined.get(gene.name, gene) for gene in genes)
    if all(len(gene.choices) == 1 for gene in final):
        raise SpaceError(
            "the automatic values leave a single network to choose from; ask for more "
            "configurations, or for smaller ones"
        )
    return Found(genes=final, words=_words(wanted, refined, configurations))


def _check_importance(
    shop: Workshop, genes: Sequence[Gene], importance: Mapping[str, Tensor]
) -> None:
    for target in (target for gene in genes for target in gene.targets):
        if target not in importance:
            raise SpaceError(
                f"the values of {target!r} are to be found by importance, but ordering "
                f"{shop.plan.ordering.name!r} gives none; order by "
                f"{measuring(shop.plugins)}"
            )


def _words(
    wanted: Sequence[tuple[Automatic, tuple[Gene, ...]]],
    refined: Mapping[str, Gene],
    configurations: Sequence[Configuration],
) -> str:
    shares = ", ".join(f"{found.share:.1%}" for found in configurations)
    values = "; ".join(_family(own, refined) for _, own in wanted)
    return f"values read off networks of {shares} of the MACs: {values}"


def _family(own: Sequence[Gene], refined: Mapping[str, Gene]) -> str:
    """``ffn 0 to 64, 3 to 5 values each``."""
    genes = [refined[gene.name] for gene in own]
    low, high = min(g.choices[0] for g in genes), max(g.choices[-1] for g in genes)
    counts = _range({len(gene.choices) for gene in genes})
    each = " each" if len(genes) > 1 else ""
    return f"{genes[0].name.partition('.')[0]} {low} to {high}, {counts} values{each}"


def _range(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"

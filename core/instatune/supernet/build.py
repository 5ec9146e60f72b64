"""From an anatomy and genes to a search space: the checks that a single gene cannot make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from instatune.errors import SpaceError
from instatune.space import Anatomy, Gene, SearchSpace, Stack
from instatune.space.policy import weighted
from instatune.space.search_space import FEWEST_BITS, FULL_BITS


def search_space(
    anatomy: Anatomy,
    genes: Sequence[Gene],
    priority: Mapping[str, tuple[int, ...]] | None = None,
) -> SearchSpace:
    """Join genes to the space of one model.

    Args:
        anatomy: The model.
        genes: Of all elastic dimensions.
        priority: For each stack its layers from the last to be dropped to the first; a stack that
            is left out keeps its first layers, after those that must stay.

    Raises:
        SpaceError: Genes that the model cannot have or that contradict each other, or a priority
            that is not a permutation of the layers, or that drops one which must stay.
    """
    for problem in _problems(anatomy, genes):
        raise SpaceError(problem)
    given = dict(priority or {})
    unknown = sorted(set(given) - {stack.name for stack in anatomy.stacks})
    if unknown:
        raise SpaceError(f"priority of {unknown[0]!r}: the model has no such stack")
    orders: dict[str, tuple[int, ...]] = {}
    for stack in anatomy.stacks:
        orders[stack.name] = tuple(given.get(stack.name, stack.first_layers))
        if sorted(orders[stack.name]) != list(range(stack.layers)):
            raise SpaceError(
                f"priority of {stack.name!r} must hold each of 0 to {stack.layers - 1} once, "
                f"not {list(orders[stack.name])}"
            )
        _check_required(stack, orders[stack.name], genes)
    full = {group.name: group.units for group in anatomy.groups}
    return SearchSpace(genes=tuple(genes), priority=orders, full_units=full)


def _check_required(stack: Stack, order: tuple[int, ...], genes: Sequence[Gene]) -> None:
    """Refuse an order by which the fewest layers are not all that must stay."""
    for gene in genes:
        if gene.effect == "depth" and stack.name in gene.targets:
            lost = sorted(set(stack.required) - set(order[: gene.choices[0]]))
            if lost:
                raise SpaceError(
                    f"priority of {stack.name!r} drops layer {lost[0]} when {gene.choices[0]} "
                    f"{_layers(gene.choices[0])}, but it must stay; put "
                    f"{_listed(stack.required)} first"
                )


def _problems(anatomy: Anatomy, genes: Sequence[Gene]) -> Iterator[str]:
    sizes = {
        "width": {group.name: (group.minimum, group.units) for group in anatomy.groups},
        "depth": {stack.name: (stack.fewest, stack.layers) for stack in anatomy.stacks},
        "bits": dict.fromkeys(weighted(anatomy), (FEWEST_BITS, FULL_BITS)),
    }
    for name, count in Counter(gene.name for gene in genes).items():
        if count > 1:
            yield f"two genes are called {name!r}"
    # A module may be called as a group is: bits of the one and width of the other do not meet.
    targets = Counter((gene.effect == "bits", t) for gene in genes for t in gene.targets)
    for (_, target), count in targets.items():
        if count > 1:
            yield f"{target!r} is set by {count} genes; leave one of these dimensions out"
    for gene in genes:
        unfit = _unfit_bits if gene.effect == "bits" else _misfits
        yield from unfit(gene, sizes[gene.effect])
        if (gene.stack, gene.layer) != (None, None) and gene.layer not in range(
            sizes["depth"].get(gene.stack or "", (0, 0))[1]
        ):
            yield f"gene {gene.name!r}: the model has no layer {gene.layer} in {gene.stack!r}"


def _misfits(gene: Gene, sizes: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for target in gene.targets:
        if target not in sizes:
            yield f"gene {gene.name!r}: the model has no {target!r}; it has {sorted(sizes)}"
            continue
        fewest, full = sizes[target]
        if gene.choices[0] < fewest:
            yield (
                f"gene {gene.name!r}: {gene.choices[0]} is too small; keep at least {fewest} of "
                f"{target!r}"
            )
        if gene.choices[-1] != full:
            yield (
                f"gene {gene.name!r}: its largest choice is {gene.choices[-1]}, "
                f"but the full model has {full} of {target!r}, which must be among them"
            )


def _unfit_bits(gene: Gene, sizes: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for target in gene.targets:
        if target not in sizes:
            names = ", ".join(map(repr, sizes)) or "none"
            yield (
                f"gene {gene.name!r}: the model has no module {target!r} of which bits can be "
                f"chosen; it has {names}"
            )
    if gene.choices[0] < FEWEST_BITS or gene.choices[-1] != FULL_BITS:
        yield (
            f"gene {gene.name!r}: its choices are {list(gene.choices)}; bits are from "
            f"{FEWEST_BITS} to {FULL_BITS}, and {FULL_BITS}, the precision of the full model, must "
            "be among them"
        )


def _layers(count: int) -> str:
    return "layer is kept" if count == 1 else "layers are kept"


def _listed(layers: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(layers)))

"""Analytic counts of multiply-accumulates and parameters, exact for every sub-network.

A weight that is applied at n positions costs n MACs per element. Attention adds two products of
``tokens**2 * head_size`` MACs per head. For BERT with hidden size D, heads of size d and N tokens:

    MACs = sum over kept layers l of [ 4 N D d h_l + 2 N^2 d h_l + 2 N D f_l ] + pooler + classifier

which gives 11.17 G for BERT-base at 128 tokens, as the InstaTune paper (arXiv 2308.15609) counts.
Biases, normalisations, activations and look-ups count nothing, the convention of the field.
"""

from __future__ import annotations

from collections import defaultdict
from math import prod

from instatune.space.anatomy import Anatomy, Cut, Group
from instatune.space.polynomial import Polynomial, Term


def macs(anatomy: Anatomy, tokens: int | None = None) -> Polynomial:
    """MACs of one forward pass of one example.

    Args:
        anatomy: The model.
        tokens: Length of the input; the anatomy's own by default.
    """
    length = anatomy.tokens if tokens is None else tokens
    size = _Sizes(anatomy)
    terms = [
        size.term(work.weight, work.positions * length**work.tokens_power) for work in anatomy.work
    ]
    for attention in anatomy.attentions:
        group = anatomy.group(attention.group)
        home = attention.home or _home(group)
        terms.append(Term(2 * length**2 * attention.unit, (group.name,), home))
    return Polynomial.of(terms)


def parameters(anatomy: Anatomy) -> Polynomial:
    """Number of parameters, tied ones once."""
    size = _Sizes(anatomy)
    return Polynomial.of(size.term(tensor, 1) for tensor in anatomy.shapes)


class _Sizes:
    """Numbers of elements of tensors as products of kept units."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.cuts: defaultdict[str, dict[int, tuple[Group, Cut]]] = defaultdict(dict)
        for group in anatomy.groups:
            for cut in group.cuts:
                self.cuts[cut.tensor][cut.axis] = (group, cut)

    def term(self, tensor: str, factor: int) -> Term:
        """``factor`` times the number of elements of a tensor."""
        cuts = self.cuts.get(tensor, {})
        fixed = [n for axis, n in enumerate(self.anatomy.shapes[tensor]) if axis not in cuts]
        per_unit = [cut.blocks * cut.unit for _, cut in cuts.values()]
        return Term(
            factor * prod(fixed) * prod(per_unit),
            tuple(group.name for group, _ in cuts.values()),
            self.anatomy.stack_of(tensor),
        )


def _home(group: Group) -> tuple[str, int] | None:
    if group.stack is None or group.layer is None:
        return None
    return group.stack, group.layer

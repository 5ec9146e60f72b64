"""Analytic counts of multiply-accumulates and parameters, exact for every sub-network.

A weight that is applied at n positions costs n MACs per element. Attention adds two products of
``tokens**2 * head_size`` MACs per head. For BERT with hidden size D, heads of size d and N tokens:

    MACs = sum over kept layers l of [ 4 N D d h_l + 2 N^2 d h_l + 2 N D f_l ] + pooler + classifier

which gives 11.17 G for BERT-base at 128 tokens, as the InstaTune paper (arXiv 2308.15609) counts.
Biases, normalisations, activations and look-ups count nothing, the convention of the field.
"""

from __future__ import annotations

from instatune.space.anatomy import Anatomy
from instatune.space.polynomial import Polynomial, Term
from instatune.space.sizes import Sizes, home_of


def macs(anatomy: Anatomy, tokens: int | None = None) -> Polynomial:
    """MACs of one forward pass of one example.

    Args:
        anatomy: The model.
        tokens: Length of the input; the anatomy's own by default.
    """
    length = anatomy.tokens if tokens is None else tokens
    size = Sizes(anatomy)
    terms = [
        size.term(work.weight, work.positions * length**work.tokens_power) for work in anatomy.work
    ]
    for attention in anatomy.attentions:
        group = anatomy.group(attention.group)
        home = attention.home or home_of(group)
        terms.append(Term(2 * length**2 * attention.unit, (group.name,), home))
    return Polynomial.of(terms)


def parameters(anatomy: Anatomy) -> Polynomial:
    """Number of parameters, tied ones once."""
    size = Sizes(anatomy)
    return Polynomial.of(size.term(tensor) for tensor in anatomy.shapes)

"""An anatomy that does not fit is refused by the name of the first difference."""

from __future__ import annotations

import attrs
import pytest
from torch import nn

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Attribute, Cut, Work
from instatune.supernet.fit import verify


def with_group(anatomy: Anatomy, **changes) -> Anatomy:
    first, *rest = anatomy.groups
    return attrs.evolve(anatomy, groups=(attrs.evolve(first, **changes), *rest))


def with_stack(anatomy: Anatomy, **changes) -> Anatomy:
    return attrs.evolve(anatomy, stacks=(attrs.evolve(anatomy.stacks[0], **changes),))


CHANGES = {
    "missing stack": (
        lambda a: with_stack(a, path="bert.encoder.block"),
        r"module 'bert\.encoder\.block' is missing",
    ),
    "stack of another type": (
        lambda a: with_stack(a, path="bert.pooler"),
        r"module 'bert\.pooler' is a BertPooler, not a list of layers",
    ),
    "layers": (lambda a: with_stack(a, layers=4), "has 3 layers instead of 4"),
    "index attribute": (
        lambda a: with_stack(a, index_attributes=("attention.place",)),
        r"attribute 'attention\.place' is missing \(BertAttention has no plain attribute 'place'",
    ),
    "count attribute": (
        lambda a: with_stack(a, count_attributes=("config.n_layers",)),
        r"attribute 'config\.n_layers' is missing",
    ),
    "shape": (
        lambda a: attrs.evolve(a, shapes={**a.shapes, "classifier.weight": (9, 32)}),
        r"'classifier\.weight' has shape \[3, 32\] instead of \[9, 32\]",
    ),
    "missing tensor": (
        lambda a: attrs.evolve(a, shapes={**a.shapes, "lm_head.weight": (9, 32)}),
        r"tensor 'lm_head\.weight' is missing",
    ),
    "unknown tensor": (
        lambda a: attrs.evolve(
            a, shapes={name: s for name, s in a.shapes.items() if name != "classifier.bias"}
        ),
        r"tensor 'classifier\.bias' is not known",
    ),
    "table": (
        lambda a: attrs.evolve(a, embeddings=("bert.embeddings.words",)),
        r"'bert\.embeddings\.words' is listed as a look-up table, but there is no such tensor of",
    ),
    "table of one axis": (
        lambda a: attrs.evolve(a, embeddings=("classifier.bias",)),
        r"'classifier\.bias' is listed as a look-up table, but there is no such tensor of two axes",
    ),
    "units": (
        lambda a: with_group(a, units=5, attributes=()),
        r"axis 0 of tensor '.*query\.weight' has length 32 instead of 40 \(5 units of 'heads\.0'\)",
    ),
    "cut of no tensor": (
        lambda a: with_group(a, cuts=(Cut("gone", 0), a.groups[0].outgoing)),
        r"tensor 'gone' of group 'heads\.0' is missing",
    ),
    "cut of no axis": (
        lambda a: with_group(a, cuts=(Cut("classifier.bias", 1), a.groups[0].outgoing)),
        r"axis 1 of tensor 'classifier\.bias' has length None",
    ),
    "outgoing": (
        lambda a: with_group(a, outgoing=Cut("classifier.weight", 1)),
        r"outgoing cut of group 'heads\.0' is not among its cuts",
    ),
    "attribute": (
        lambda a: with_group(a, attributes=(Attribute("num_labels"),)),
        "attribute 'num_labels' is 3 instead of 4",
    ),
    "missing attribute": (
        lambda a: with_group(a, attributes=(Attribute("bert.heads"),)),
        r"attribute 'bert\.heads' is missing",
    ),
    "work": (
        lambda a: attrs.evolve(a, work=(Work("gone.weight"),)),
        r"work of 'gone\.weight' is counted, but no such tensor is listed",
    ),
    "attention": (
        lambda a: attrs.evolve(a, attentions=(Attention("heads.7", 8),)),
        r"attention of group 'heads\.7' is counted, but no such group is listed",
    ),
    "projections": (
        lambda a: attrs.evolve(
            a, attentions=(Attention("heads.0", 8, projections=("bert", "bert", "bert.query")),)
        ),
        r"module 'bert\.query' of the attention of group 'heads\.0' is missing",
    ),
    "two projections": (
        lambda a: attrs.evolve(a, attentions=(Attention("heads.0", 8, projections=("bert",) * 2),)),
        r"attention of group 'heads\.0' has 2 projections; query, key and value are three, or one",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_first_difference_is_named(supernet, case):
    change, message = CHANGES[case]

    with pytest.raises(CheckpointError, match=message) as caught:
        verify(change(supernet.anatomy), supernet.model)

    assert "BertForSequenceClassification is not built as the BERT family" in str(caught.value)


def test_a_fitting_model_passes(supernet, toy):
    verify(supernet.anatomy, supernet.model)
    verify(toy.anatomy, toy.model)


def test_any_other_module_is_refused(supernet):
    with pytest.raises(CheckpointError, match="Linear is not built as the BERT family"):
        verify(supernet.anatomy, nn.Linear(2, 2))

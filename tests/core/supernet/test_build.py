"""Genes and a model become a space, or a clear message."""

from __future__ import annotations

import attrs
import pytest

from instatune.errors import SpaceError
from instatune.space import Gene
from instatune.supernet.build import search_space
from instatune_plugins.adapters.bert_outline import anatomy_of

ANATOMY = anatomy_of(
    {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 16,
        "vocab_size": 9,
    },
    2,
)
DEPTH = Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))
HEADS = Gene(
    name="heads.0",
    choices=(2, 4),
    effect="width",
    targets=("heads.0",),
    stack="layers",
    layer=0,
)


def test_the_space_knows_all_groups_and_keeps_the_first_layers_by_default():
    space = search_space(ANATOMY, [DEPTH, HEADS])

    assert space.size == 2 + 2
    assert space.kept_layers(space.smallest) == {"layers": (0,)}
    assert space.kept_units(space.smallest) == {
        "heads.0": 2,
        "heads.1": 4,
        "ffn.0": 16,
        "ffn.1": 16,
        "embed": 8,
    }


def test_a_priority_decides_which_layers_stay():
    space = search_space(ANATOMY, [DEPTH, HEADS], {"layers": (1, 0)})

    assert space.kept_layers(space.smallest) == {"layers": (1,)}
    assert "heads.0" not in space.smallest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": (2, 3)}, r"largest choice is 3, but the full model has 4 of 'heads\.0'"),
        ({"choices": (2, 8)}, r"largest choice is 8, but the full model has 4 of 'heads\.0'"),
        ({"choices": (0, 4)}, r"'heads\.0': 0 is too small; keep at least 1"),
        ({"targets": ("heads.7",)}, r"the model has no 'heads\.7'; it has \['embed', 'ffn\.0'"),
        ({"targets": ("blocks",)}, r"the model has no 'blocks'"),
        ({"layer": 2}, r"the model has no layer 2 in 'layers'"),
        ({"stack": "blocks"}, r"the model has no layer 0 in 'blocks'"),
    ],
)
def test_a_gene_that_the_model_cannot_have_is_refused(change, message):
    with pytest.raises(SpaceError, match=message):
        search_space(ANATOMY, [DEPTH, attrs.evolve(HEADS, **change)])


QUERY = "bert.encoder.layer.0.attention.self.query"
BITS = Gene(
    name="bits.q", choices=(8, 32), effect="bits", targets=(QUERY,), stack="layers", layer=0
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"targets": ("bert.encoder.layer.0",)},
            r"'bits\.q': the model has no module 'bert\.encoder\.layer\.0' of which bits can be "
            r"chosen; it has 'bert\.encoder\.layer\.0\.attention\.self\.query', ",
        ),
        (
            {"choices": (1, 32)},
            r"'bits\.q': its choices are \[1, 32\]; bits are from 2 to 32, and 32, the precision "
            r"of the full model, must be among them",
        ),
        ({"choices": (8, 16)}, r"'bits\.q': its choices are \[8, 16\]; bits are from 2 to 32"),
        ({"choices": (8, 64)}, r"'bits\.q': its choices are \[8, 64\]; bits are from 2 to 32"),
        ({"layer": 2}, r"the model has no layer 2 in 'layers'"),
    ],
)
def test_bits_that_the_model_cannot_have_are_refused(change, message):
    with pytest.raises(SpaceError, match=message):
        search_space(ANATOMY, [DEPTH, attrs.evolve(BITS, **change)])


def test_a_module_may_be_called_as_a_group_is():
    words = "embed.weight"
    anatomy = attrs.evolve(ANATOMY, shapes={**ANATOMY.shapes, words: (9, 8)}, embeddings=(words,))
    width = Gene(name="embed", choices=(4, 8), effect="width", targets=("embed",))
    bits = Gene(name="bits.embed", choices=(8, 32), effect="bits", targets=("embed",))

    assert search_space(anatomy, [width, bits]).size == 4


def test_two_genes_for_one_module_are_refused():
    with pytest.raises(SpaceError, match=r"query' is set by 2 genes; leave one"):
        search_space(ANATOMY, [BITS, attrs.evolve(BITS, name="other")])


def test_two_genes_of_one_name_are_refused():
    with pytest.raises(SpaceError, match=r"two genes are called 'heads\.0'"):
        search_space(ANATOMY, [HEADS, HEADS])


def test_two_genes_for_one_group_are_refused():
    other = attrs.evolve(HEADS, name="width")

    with pytest.raises(SpaceError, match=r"'heads\.0' is set by 2 genes; leave one"):
        search_space(ANATOMY, [HEADS, other])


@pytest.mark.parametrize("order", [(0,), (0, 0), (1, 2)])
def test_a_priority_that_is_no_permutation_is_refused(order):
    with pytest.raises(SpaceError, match=r"priority of 'layers' must hold each of 0 to 1 once"):
        search_space(ANATOMY, [DEPTH], {"layers": order})


def with_required(*layers: int, of: int = 2):
    (stack,) = ANATOMY.stacks
    anatomy = attrs.evolve(ANATOMY, stacks=(attrs.evolve(stack, layers=of, required=layers),))
    depth = attrs.evolve(DEPTH, choices=tuple(range(len(layers) or 1, of + 1)))
    return anatomy, depth


def test_layers_that_must_stay_come_first_by_default():
    anatomy, depth = with_required(1, 3, of=5)

    space = search_space(anatomy, [depth])

    assert dict(space.priority)["layers"] == (1, 3, 0, 2, 4)
    assert space.kept_layers(space.smallest) == {"layers": (1, 3)}


def test_a_priority_that_drops_a_layer_which_must_stay_is_refused():
    anatomy, depth = with_required(1, 3, of=5)

    with pytest.raises(
        SpaceError,
        match=r"priority of 'layers' drops layer 3 when 2 layers are kept, but it must stay; "
        r"put 1, 3 first",
    ):
        search_space(anatomy, [depth], {"layers": (1, 0, 3, 2, 4)})


def test_the_order_of_layers_that_stay_anyway_is_free():
    anatomy, depth = with_required(1, 3, of=5)
    deep = attrs.evolve(depth, choices=(3, 5))

    space = search_space(anatomy, [deep], {"layers": (0, 3, 1, 2, 4)})

    assert space.kept_layers(space.smallest) == {"layers": (0, 1, 3)}
    search_space(anatomy, [], {"layers": (0, 2, 4, 1, 3)})  # nothing is ever dropped


def test_fewer_layers_than_must_stay_are_refused():
    anatomy, depth = with_required(1, 3, of=5)
    shallow = attrs.evolve(depth, choices=(1, 5))

    with pytest.raises(SpaceError, match=r"'depth': 1 is too small; keep at least 2 of 'layers'"):
        search_space(anatomy, [shallow])


def test_groups_say_how_few_units_they_can_do_with():
    ffn = attrs.evolve(HEADS, name="ffn.0", targets=("ffn.0",), choices=(0, 16))

    space = search_space(ANATOMY, [ffn])
    assert space.kept_units(space.smallest)["ffn.0"] == 0
    with pytest.raises(SpaceError, match=r"'ffn\.0': -1 is too small; keep at least 0"):
        search_space(ANATOMY, [attrs.evolve(ffn, choices=(-1, 16))])


def test_a_priority_of_an_unknown_stack_is_refused():
    with pytest.raises(SpaceError, match="priority of 'blocks': the model has no such stack"):
        search_space(ANATOMY, [DEPTH], {"blocks": (0, 1)})

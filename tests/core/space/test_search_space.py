"""Spellings of networks: genotypes, architectures, features, counts."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.errors import SpaceError
from instatune.space import Architecture, Gene, Polynomial, SearchSpace, Term


def width(name: str, choices, stack=None, layer=None) -> Gene:
    return Gene(
        name=name, choices=choices, effect="width", targets=(name,), stack=stack, layer=layer
    )


@st.composite
def spaces(draw) -> SearchSpace:
    """One to three layers with one or two groups each, a free group, any drop order."""
    layers = draw(st.integers(1, 3))
    order = tuple(draw(st.permutations(range(layers))))
    menu = st.sampled_from([(4,), (2, 4), (1, 2, 4)])
    genes = [width(f"h.{i}", draw(menu), "layers", i) for i in range(layers)]
    if draw(st.booleans()):
        genes.append(width("free", draw(menu)))
    if draw(st.booleans()):
        least = draw(st.integers(1, layers))
        depths = tuple(range(least, layers + 1))
        genes.append(Gene(name="depth", choices=depths, effect="depth", targets=("layers",)))
    draw(st.randoms(use_true_random=False)).shuffle(genes)
    full = {f"h.{i}": 4 for i in range(layers)} | {"free": 4, "fixed": 7}
    return SearchSpace(genes=tuple(genes), priority={"layers": order}, full_units=full)


def everything(space: SearchSpace) -> np.ndarray:
    return np.array(list(itertools.product(*(range(n) for n in space.cardinalities))))


exhaustive = settings(deadline=None, derandomize=True, max_examples=60)


@exhaustive
@given(spaces())
def test_size_is_the_number_of_distinct_architectures(space):
    architectures = space.decode(everything(space))

    assert space.size == len(set(architectures))
    assert len({a.key for a in architectures}) == space.size


@exhaustive
@given(spaces())
def test_encoding_and_decoding_are_inverse_on_canonical_genotypes(space):
    rows = everything(space)
    canonical = space.canonical(rows)

    assert np.array_equal(space.encode(space.decode(rows)), canonical)
    assert np.array_equal(space.canonical(canonical), canonical)
    assert space.decode(canonical) == space.decode(rows)


@exhaustive
@given(spaces())
def test_features_tell_networks_apart_and_nothing_else(space):
    rows = everything(space)
    features = space.features(rows)

    spellings = {tuple(f): a for f, a in zip(features, space.decode(rows), strict=True)}

    assert len(spellings) == space.size
    assert features.shape == (len(rows), int(space.cardinalities.sum()))
    assert np.array_equal(features.sum(axis=1), [len(a.values) for a in space.decode(rows)])


@exhaustive
@given(spaces())
def test_counts_of_populations_and_of_single_networks_agree(space):
    polynomial = Polynomial.of(
        [
            Term(3),
            Term(5, ("free", "fixed")),
            *(
                Term(2 + i, (f"h.{i}",) * 2, ("layers", i))
                for i in range(len(space.priority[0][1]))
            ),
        ]
    )
    rows = everything(space)

    counts = space.count(polynomial, rows)

    for architecture, count in zip(space.decode(rows), counts, strict=True):
        units, kept = space.kept_units(architecture), space.kept_layers(architecture)
        by_hand = 3 + 5 * units["free"] * 7
        by_hand += sum((2 + i) * units[f"h.{i}"] ** 2 for i in kept["layers"])
        assert polynomial.at(units, kept) == by_hand == count


@exhaustive
@given(spaces())
def test_kept_layers_stand_in_their_original_order(space):
    order = dict(space.priority)["layers"]
    for architecture in space.decode(everything(space)):
        (kept,) = space.kept_layers(architecture).values()
        depth = architecture.get("depth", len(order))
        assert kept == tuple(sorted(order[:depth]))


@exhaustive
@given(spaces())
def test_a_space_survives_json(space):
    assert SearchSpace.from_dict(json.loads(json.dumps(space.as_dict()))) == space


@exhaustive
@given(spaces(), st.integers(0, 2**31))
def test_samples_are_canonical_and_follow_their_seed(space, seed):
    rows = space.sample(np.random.default_rng(seed), 50)

    assert np.array_equal(rows, space.canonical(rows))
    assert np.array_equal(rows, space.sample(np.random.default_rng(seed), 50))


def two_stacks() -> SearchSpace:
    genes = [width(f"{s}.{i}", (1, 2, 4), s, i) for s in ("enc", "dec") for i in range(2)]
    genes.append(Gene(name="depth", choices=(1, 2), effect="depth", targets=("enc", "dec")))
    full = {f"{s}.{i}": 4 for s in ("enc", "dec") for i in range(2)}
    return SearchSpace(genes=tuple(genes), priority={"enc": (0, 1), "dec": (1, 0)}, full_units=full)


def test_one_depth_gene_of_two_stacks_is_counted_once():
    space = two_stacks()

    assert space.size == len(set(space.decode(everything(space)))) == 3**2 + 3**4


def test_sampling_draws_each_gene_uniformly():
    space = SearchSpace(genes=(width("a", (1, 2, 4)),), priority={}, full_units={"a": 4})

    counts = np.bincount(space.sample(np.random.default_rng(0), 30_000)[:, 0])

    assert np.allclose(counts / 30_000, 1 / 3, atol=0.01)


def test_extremes_have_the_extreme_counts():
    space = two_stacks()
    polynomial = Polynomial.of(
        Term(1, (f"{s}.{i}",), (s, i)) for s in ("enc", "dec") for i in range(2)
    )
    counts = space.count(polynomial, everything(space))

    extremes = space.count(polynomial, space.encode([space.smallest, space.largest]))

    assert extremes.tolist() == [counts.min(), counts.max()] == [2, 16]


def test_a_missing_gene_gets_its_largest_choice():
    assert two_stacks().architecture({}) == two_stacks().largest


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 3}, r"no gene is called 'width'; there are \['enc\.0'"),
        ({"enc.0": 3}, r"enc\.0 = 3 is not in \[1, 2, 4\]"),
    ],
)
def test_values_that_cannot_be_are_refused(values, message):
    with pytest.raises(SpaceError, match=message):
        two_stacks().architecture(values)


def test_an_architecture_is_a_lookup_with_a_stable_key():
    architecture = Architecture({"ffn.0": 64, "depth": 2})

    assert architecture == Architecture((("depth", 2), ("ffn.0", 64)))
    assert hash(architecture) == hash(Architecture({"depth": 2, "ffn.0": 64}))
    assert architecture["depth"] == 2
    assert architecture.get("ffn.1") is None
    assert list(architecture) == ["depth", "ffn.0"]
    assert architecture.key == "5a6dccc8fa4d"  # stands in files: must never change
    assert Architecture({"depth": 3, "ffn.0": 64}).key != architecture.key


@pytest.mark.parametrize("choices", [(), (2, 1), (1, 1)])
def test_choices_that_are_not_ascending_are_refused(choices):
    with pytest.raises(ValueError, match="must be ascending and distinct"):
        width("a", choices)

"""F1 of whole entities, against spans that are found in another way."""

from __future__ import annotations

import re
from itertools import chain
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import DataError, SearchError
from instatune.space import Architecture
from instatune_plugins.objectives._spans import is_scheme, spans
from instatune_plugins.objectives.entity_f1 import EntityF1

NET = Architecture({"depth": 1})
TAGS = ("O", "B-A", "I-A", "B-B", "I-B")
IGNORED = -100


def expected(tags) -> set:
    """Entities of well-formed IOB2, by a regular expression over one letter a word."""
    letters = "".join({"O": "o", "B-A": "A", "I-A": "a", "B-B": "B", "I-B": "b"}[t] for t in tags)
    return {(m[0][0].upper(), m.start(), m.end()) for m in re.finditer("Aa*|Bb*", letters)}


entity = st.tuples(st.sampled_from("AB"), st.integers(1, 3)).map(
    lambda e: [f"B-{e[0]}", *[f"I-{e[0]}"] * (e[1] - 1)]
)
parts = st.lists(st.one_of(st.just(["O"]), entity), max_size=8)
sentence = parts.map(lambda found: list(chain(*found)))


@given(sentence)
def test_spans_of_iob2_are_those_that_a_pattern_finds(tags):
    assert spans(tags) == expected(tags)


@given(sentence)
def test_all_schemes_say_the_same(tags):
    entities = expected(tags)
    iob1, iobes = list(tags), list(tags)
    for kind, start, end in entities:
        after_one_of_its_kind = any(e[0] == kind and e[2] == start for e in entities)
        iob1[start] = f"{'B' if after_one_of_its_kind else 'I'}-{kind}"
        iobes[end - 1] = f"{'S' if end - start == 1 else 'E'}-{kind}"

    assert spans(iob1) == spans(iobes) == entities


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["I-A", "I-A"], {("A", 0, 2)}),  # nothing began it
        (["B-A", "I-B"], {("A", 0, 1), ("B", 1, 2)}),
        (["E-A", "I-A", "S-A", "O", "x"], {("A", 0, 1), ("A", 1, 2), ("A", 2, 3)}),
        (["B-A-1", "I-A-1"], {("A-1", 0, 2)}),
        ([], set()),
    ],
)
def test_sequences_that_nobody_would_write_are_read_all_the_same(tags, found):
    assert spans(tags) == found


def test_tags_mark_entities_or_they_do_not():
    assert is_scheme(("O", "B-PER", "I-PER"))
    assert not any(map(is_scheme, [("O",), ("NN", "VB"), ("O", "B-X", "NN"), ()]))


class Bench:
    labels = TAGS

    def __init__(self, *sentences, value=9.0):
        """Pairs of guessed and true tags."""
        self.sentences, self.value = sentences, value

    def outputs(self, architecture):
        for guess, there in self.sentences:
            index = torch.tensor([[TAGS.index(tag) for tag in guess]])
            logits = torch.nn.functional.one_hot(index, len(TAGS)) * self.value
            # A piece of a word behind each word, with a guess of its own.
            logits = logits.repeat_interleave(2, dim=1)
            logits[:, 1::2] = logits[:, 1::2].roll(1, -1)
            labels = torch.full((1, 2 * len(there)), IGNORED)
            labels[0, ::2] = torch.tensor([TAGS.index(tag) for tag in there])
            yield logits, {"labels": labels}


def measured(bench):
    told = []
    EntityF1().measure([NET], bench, told.append)
    return told[0]


def test_only_whole_entities_count():
    right = ["B-A", "I-A", "O", "B-B"]
    short = ["B-A", "O", "O", "B-B"]

    assert measured(Bench((right, right))).value == 1.0
    assert measured(Bench((short, right))).value == pytest.approx(0.5)
    assert measured(Bench((["O"] * 4, right))).value == 0.0
    assert measured(Bench((["O"], ["O"]))).value == 0.0


@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=6))
def test_the_value_is_micro_averaged(pairs):
    length = [max(len(a), len(b), 1) for a, b in pairs]
    padded = [
        tuple(tags + ["O"] * (n - len(tags)) for tags in pair)
        for pair, n in zip(pairs, length, strict=True)
    ]
    found, named, there = (
        sum(len(f(a, b)) for a, b in padded)
        for f in (
            lambda a, b: expected(a) & expected(b),
            lambda a, b: expected(a),
            lambda a, b: expected(b),
        )
    )

    value = measured(Bench(*padded))

    precision, recall = found / max(named, 1), found / max(there, 1)
    f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    assert value.value == pytest.approx(f1)
    assert value.n == len(pairs)


def test_the_error_is_that_of_drawing_sentences():
    """Compared with a bootstrap over sentences."""
    rng = np.random.default_rng(0)
    right = ["B-A", "I-A", "O", "B-B", "B-A"]
    pairs = []
    for _ in range(200):
        words = rng.integers(1, 5)
        guess = [t if rng.random() < 0.7 else "O" for t in right[:words]]
        pairs.append((guess, right[:words]))

    found = measured(Bench(*pairs))

    counts = np.array(
        [(2 * len(spans(g) & spans(t)), len(spans(g)) + len(spans(t))) for g, t in pairs]
    )
    drawn = counts[rng.integers(0, 200, (2000, 200))].sum(axis=1)
    assert found.std == pytest.approx(float((drawn[:, 0] / drawn[:, 1]).std()), rel=0.1)
    assert found.std != pytest.approx(sqrt(found.value * (1 - found.value) / 200), rel=0.05)


def test_what_it_cannot_measure_is_refused():
    class Words(Bench):
        labels = tuple(f"T{i}" for i in range(9))

    with pytest.raises(DataError, match=r"the tags \(T0, .*, T7, ...\) mark no entities; it needs"):
        measured(Words())
    with pytest.raises(DataError, match="no sentence to score"):
        measured(Bench())
    with pytest.raises(SearchError, match=f"network {NET.key} gives outputs that are not finite"):
        measured(Bench((["O"], ["O"]), value=float("nan")))

    class Texts(Bench):
        def outputs(self, architecture):
            yield torch.zeros(2, 5), {"labels": torch.zeros(2, dtype=torch.long)}

    with pytest.raises(DataError, match=r"shape \[2, 5\], not one at each token; use it with"):
        measured(Texts())

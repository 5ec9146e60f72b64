from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune_plugins.tasks.splitting import (
    balance,
    carve,
    fingerprint,
    repeated,
    stratified,
)

some_labels = st.lists(st.integers(0, 5), min_size=2, max_size=200)


@given(some_labels, st.floats(0.01, 0.9), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_a_stratified_choice_keeps_shares_within_one_example(labels, share, seed):
    array = np.array(labels, dtype=np.int64)
    count = int(share * len(labels))

    chosen = stratified(array, count, np.random.default_rng(seed))

    assert len(set(chosen)) == len(chosen) <= count
    assert chosen == sorted(chosen)
    for label, size in zip(*np.unique(array, return_counts=True), strict=True):
        taken = int((array[chosen] == label).sum())
        assert taken < size  # each class keeps an example
        assert taken <= size * count / len(labels) + 1
        assert taken >= min(size - 1, int(size * count / len(labels)))


def test_the_choice_follows_from_the_generator():
    labels = np.arange(100) % 3

    first, again, other = (
        stratified(labels, 30, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert first == again != other


def test_carving_divides_and_keeps_the_order():
    examples = [{"text": str(i), "label": i % 2} for i in range(20)]

    rest, chosen = carve(examples, 6, np.random.default_rng(0))

    assert sorted(rest + chosen, key=lambda e: int(e["text"])) == examples
    assert [e["label"] for e in chosen].count(0) == 3
    for part in (rest, chosen):
        assert [int(e["text"]) for e in part] == sorted(int(e["text"]) for e in part)


def test_repeated_texts_are_counted_with_both_texts_of_a_pair():
    train = [
        {"text": "a", "label": 0},
        {"text": "a", "label": 1},
        {"text": "a", "pair": "b", "label": 0},
        {"text": "c", "label": 0},
    ]

    assert repeated(train, [{"text": "a", "label": 0}]) == 2
    assert repeated(train, [{"text": "a", "pair": "b", "label": 0}]) == 1


def test_repeated_texts_are_compared_by_letters_and_digits():
    train = [{"text": t, "label": 0} for t in ("Bad .", "bad", "bat", "!?", "?!")]

    assert repeated(train, [{"text": "bad!", "label": 0}]) == 2
    assert repeated(train, [{"text": "!?", "label": 0}]) == 1


def test_balance_lists_the_largest_class_first():
    examples = [{"text": "", "label": label} for label in (1, 1, 1, 0)]

    assert balance(examples, ("bad", "good")) == "good 75.0 %, bad 25.0 %"


def test_balance_of_many_classes_is_cut():
    examples = [{"text": "", "label": i} for i in range(20)]

    assert balance(examples, [str(i) for i in range(20)]).endswith("5.0 %, ...")


def test_fingerprints_change_with_anything_that_matters():
    def example(**changes):
        return {"text": "a", "label": 0, "source": "x", **changes}

    base = fingerprint(([example()], [], []), ("n", "p"))
    changed = [
        fingerprint(([example(text="b")], [], []), ("n", "p")),
        fingerprint(([example(label=1)], [], []), ("n", "p")),
        fingerprint(([example(pair="c")], [], []), ("n", "p")),
        fingerprint(([], [example()], []), ("n", "p")),
        fingerprint(([example(), example()], [], []), ("n", "p")),
        fingerprint(([example()], [], []), ("n", "q")),
    ]

    assert len({base, *changed}) == 1 + len(changed)
    assert base == fingerprint(([example(source="y")], [], []), ("n", "p"))

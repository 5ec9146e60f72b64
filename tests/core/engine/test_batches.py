from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.engine.batches import MEGA, BatchPlan


def make(lengths: list[int], batch_size: int, seed: int | None = None, epoch: int = 0) -> BatchPlan:
    features = [{"ids": [i] * n} for i, n in enumerate(lengths)]

    def collate(chosen):
        return {"first": torch.tensor([f["ids"][0] for f in chosen])}

    return BatchPlan(features, collate, lambda f: len(f["ids"]), batch_size, seed, epoch)


def order(plan: BatchPlan) -> list[list[int]]:
    return [plan.indices(i).tolist() for i in range(len(plan))]


some_lengths = st.lists(st.integers(1, 40), max_size=300)


@given(some_lengths, st.integers(1, 9), st.none() | st.integers(0, 2**32), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_example_occurs_exactly_once(lengths, batch_size, seed, epoch):
    plan = make(lengths, batch_size, seed, epoch)

    seen = [i for part in order(plan) for i in part]

    assert sorted(seen) == list(range(len(lengths)))
    assert plan.n_examples == len(lengths)
    assert len(plan) == -(-len(lengths) // batch_size)


@given(some_lengths, st.integers(1, 9), st.integers(0, 2**32), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_order_is_a_function_of_seed_and_epoch(lengths, batch_size, seed, epoch):
    assert order(make(lengths, batch_size, seed, epoch)) == order(
        make(lengths, batch_size, seed, epoch)
    )


def test_epochs_and_seeds_differ():
    lengths = list(range(1, 101))
    orders = [order(make(lengths, 4, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]

    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_only_one_batch_is_short():
    sizes = sorted(len(part) for part in order(make([3] * 1001, 4, seed=0)))

    assert sizes == [1] + [4] * 250


def test_training_batches_are_of_like_lengths_but_in_random_order():
    lengths = np.random.default_rng(0).integers(1, 100, size=MEGA * 8 * 4)
    plan = make(lengths.tolist(), 8, seed=3)

    padded = sum(lengths[part].max() * len(part) for part in order(plan))
    longest = [lengths[part].max() for part in order(plan)]

    assert padded < 1.1 * lengths.sum()  # without buckets it is about 1.8 times the sum
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.2


def test_evaluation_runs_from_the_longest_to_the_shortest():
    lengths = [3, 9, 1, 9, 5, 2, 7]

    assert order(make(lengths, 3)) == [[1, 3, 6], [4, 0, 5], [2]]


def test_batches_carry_the_positions_of_their_examples():
    plan = make([5, 2, 8, 1], 2, seed=1)

    for i, batch in enumerate(plan):
        assert batch["index"].dtype == torch.int64
        assert batch["index"].tolist() == plan.indices(i).tolist() == batch["first"].tolist()


def test_skipping_ahead_gives_the_rest_and_collates_nothing_before_it():
    collated: list[int] = []
    plan = BatchPlan(
        [{"n": n} for n in range(1, 41)],
        lambda chosen: collated.append(len(chosen)) or {},
        lambda f: f["n"],
        batch_size=4,
        seed=7,
    )

    rest = [batch["index"].tolist() for batch in plan.after(7)]

    assert rest == order(plan)[7:]
    assert len(collated) == 3


def test_a_cached_plan_collates_once_and_gives_the_same_tensors():
    calls = []

    def collate(chosen):
        calls.append(len(chosen))
        return {"x": torch.tensor([f["n"] for f in chosen])}

    plan = BatchPlan([{"n": n} for n in (4, 2, 6)], collate, lambda f: f["n"], 2).cached("cpu")
    first, second = list(plan), list(plan)

    assert calls == [2, 1]
    assert all(a["x"] is b["x"] for a, b in zip(first, second, strict=True))
    assert [b["x"].tolist() for b in first] == [[6, 4], [2]]
    assert plan.indices(0).tolist() == first[0]["index"].tolist() == [2, 0]


def test_a_plan_without_examples_is_empty():
    assert list(make([], 4, seed=0)) == []
    assert list(make([], 4)) == []


def test_a_batch_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        make([1, 2], 0)


def test_planning_imports_no_torch():
    code = (
        "import sys; from instatune.engine.batches import BatchPlan\n"
        "p = BatchPlan([{}] * 9, dict, lambda f: 1, 4, 0); p.indices(1)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

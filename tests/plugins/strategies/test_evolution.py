from __future__ import annotations

import numpy as np
import pytest

from instatune.metrics.front import ranks
from instatune.metrics.hypervolume import hypervolume
from instatune_plugins.strategies import LinasConfig
from instatune_plugins.strategies._evolution import Evolution, Scores
from instatune_plugins.strategies._networks import keys
from instatune_plugins.strategies._variation import Variation


@pytest.fixture
def space(driver):
    return driver.bert_space()


def make_evolution(space, evaluations=3000, **settings):
    variation = Variation.of(LinasConfig(**settings), space.cardinalities)
    return Evolution(space=space, variation=variation, population=40, evaluations=evaluations)


def scorer(driver, space, calls=None):
    table, macs = driver.Table(space), driver.macs(space)
    full = macs(space.encode([space.largest]))[0]

    def score(genotypes):
        if calls is not None:
            calls.append(genotypes.copy())
        losses = np.stack([-table.accuracy(genotypes), macs(genotypes) / full], axis=1)
        return Scores(losses, np.zeros(len(genotypes)))

    return score


def start_of(space, seed=0):
    return space.sample(np.random.default_rng(seed), 40)


def test_each_network_is_scored_once_and_the_count_is_exact(driver, space):
    calls = []
    score = scorer(driver, space, calls)
    explored = make_evolution(space).run(start_of(space), score, np.random.default_rng(0))
    scored = np.concatenate(calls)
    assert len(scored) == len(set(keys(scored))) == len(explored.genotypes) == 3000
    assert (space.canonical(scored) == scored).all()
    np.testing.assert_array_equal(scored, explored.genotypes)


def test_evolution_finds_a_better_front_than_random_draws(driver, space):
    score, rng = scorer(driver, space), np.random.default_rng(0)
    explored = make_evolution(space).run(start_of(space), score, rng)
    drawn = score(space.sample(rng, 30_000))
    corner = np.array([-0.5, 1.05])
    assert hypervolume(explored.scores.losses, corner) > hypervolume(drawn.losses, corner)


def test_the_best_networks_are_all_that_were_scored_in_order_of_fronts(driver, space):
    score = scorer(driver, space)
    explored = make_evolution(space).run(start_of(space), score, np.random.default_rng(0))
    best = explored.best()
    assert sorted(keys(best)) == sorted(keys(explored.genotypes))
    assert (np.diff(ranks(score(best).losses)) >= 0).all()


def test_the_spread_part_of_the_last_population_comes_first(driver, space):
    explored = make_evolution(space).run(
        start_of(space), scorer(driver, space), np.random.default_rng(0)
    )
    last = set(keys(explored.genotypes[explored.final]))
    head = [key in last for key in keys(explored.best())]
    assert len(explored.final) == 40
    assert sum(head[:30]) == 30


def test_equal_seeds_explore_alike(driver, space):
    runs = [
        make_evolution(space).run(start_of(space), scorer(driver, space), np.random.default_rng(s))
        for s in (1, 1, 2)
    ]
    assert (runs[0].genotypes == runs[1].genotypes).all()
    assert (runs[0].genotypes != runs[2].genotypes).any()


def test_a_small_space_is_scored_as_a_whole(driver):
    space = driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024))
    explored = make_evolution(space).run(
        start_of(space), scorer(driver, space), np.random.default_rng(0)
    )
    assert len(explored.genotypes) == space.size == 20


def test_a_space_just_larger_than_the_count_is_exhausted_without_hanging(driver):
    space = driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024))
    explored = make_evolution(space, evaluations=19).run(
        space.encode([space.largest]), scorer(driver, space), np.random.default_rng(0)
    )
    assert 10 <= len(explored.genotypes) <= 19


def test_infeasible_networks_lose_against_feasible_ones(driver, space):
    score = scorer(driver, space)

    def limited(genotypes):
        losses = score(genotypes).losses
        return Scores(losses, np.maximum(losses[:, 1] - 0.5, 0.0))

    explored = make_evolution(space).run(start_of(space), limited, np.random.default_rng(0))
    assert explored.scores.violation[explored.final].max() == 0
    assert explored.scores.losses[explored.final, 1].max() > 0.49  # the limit is reached


def test_crossover_keeps_the_genes_of_each_pair():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 5, (2, 200, 9))
    for two_point in (False, True):
        variation = Variation(cardinalities=np.full(9, 5), two_point=two_point, mutation_rate=0.1)
        children = variation.cross(pairs, rng)
        np.testing.assert_array_equal(np.sort(children, axis=0), np.sort(pairs, axis=0))
        assert (children != pairs).any()


def test_two_point_crossover_swaps_one_run_of_genes():
    variation = Variation(cardinalities=np.full(9, 5), two_point=True, mutation_rate=0.1)
    pairs = np.stack([np.zeros((300, 9), dtype=np.int64), np.ones((300, 9), dtype=np.int64)])
    children = variation.cross(pairs, np.random.default_rng(0))[0]
    changes = np.abs(np.diff(children, axis=1, prepend=0, append=0)).sum(axis=1)
    assert set(changes.tolist()) == {0, 2}


def test_crossover_happens_at_its_rate():
    variation = Variation(cardinalities=np.full(40, 2), crossover_rate=0.3, mutation_rate=0.1)
    pairs = np.stack([np.zeros((4000, 40), dtype=np.int64), np.ones((4000, 40), dtype=np.int64)])
    crossed = (variation.cross(pairs, np.random.default_rng(0)) != pairs).any(axis=(0, 2))
    assert crossed.mean() == pytest.approx(0.3, abs=0.03)


def test_mutation_changes_genes_at_its_rate_to_any_other_choice():
    cardinalities = np.array([4, 1, 3])
    variation = Variation(cardinalities=cardinalities, mutation_rate=0.25)
    parents = np.zeros((20_000, 3), dtype=np.int64)
    children = variation.mutate(parents, np.random.default_rng(0))
    assert (children != 0).mean(axis=0) == pytest.approx([0.25, 0.0, 0.25], abs=0.02)
    assert [set(column.tolist()) for column in children.T] == [{0, 1, 2, 3}, {0}, {0, 1, 2}]
    shares = np.bincount(children[:, 0])[1:] / 20_000
    assert shares == pytest.approx([0.25 / 3] * 3, abs=0.01)


def test_the_usual_mutation_rate_is_one_gene_but_never_below_two_percent():
    few, many = np.full(10, 3), np.full(200, 3)
    assert Variation.of(LinasConfig(), few).mutation_rate == 0.1
    assert Variation.of(LinasConfig(), many).mutation_rate == 0.02
    assert Variation.of(LinasConfig(mutation_rate=0.3), many).mutation_rate == 0.3

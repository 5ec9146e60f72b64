"""Strategies that look at measurements alone: what is particular to each."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from instatune_plugins.strategies import (
    LocalSearchConfig,
    MoeadConfig,
    Nsga3Config,
    RegularizedEvolutionConfig,
)
from instatune_plugins.strategies._neighbours import mutant, neighbours
from instatune_plugins.strategies._networks import all_networks, keys
from instatune_plugins.strategies._pymoo import directions
from instatune_plugins.strategies._scale import Scale
from instatune_plugins.strategies.local_search import LocalSearch
from instatune_plugins.strategies.moead import Moead
from instatune_plugins.strategies.nsga3 import Nsga3
from instatune_plugins.strategies.regularized_evolution import RegularizedEvolution


@pytest.fixture
def tiny(driver):
    return driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024, 1536))


def run(driver, target, config, seed=0, **options):
    problem = driver.make_problem(**options)
    strategy = target(config, problem, np.random.default_rng(seed))
    found, asks = driver.drive(strategy, problem, driver.Table(problem.space))
    return problem, strategy, found, asks


def test_neighbours_are_all_networks_that_one_gene_makes(tiny):
    everything = all_networks(tiny)
    for row in range(len(everything)):
        network = everything[[row]]
        changed = []
        for column in range(len(tiny.genes)):
            for choice in range(tiny.cardinalities[column]):
                other = network.copy()
                other[0, column] = choice
                changed += keys(tiny.canonical(other))
        assert set(keys(neighbours(tiny, network))) == set(changed) - set(keys(network))


def test_a_mutant_is_a_neighbour_and_each_gene_has_the_same_chance(tiny):
    rng = np.random.default_rng(0)
    network = tiny.encode([tiny.largest])
    around, seen = set(keys(neighbours(tiny, network))), []
    for _ in range(1000):
        child = mutant(tiny, network, rng)
        assert keys(child)[0] in around
        seen.append(int(np.flatnonzero(child != network)[0]))
    counts = np.bincount(seen, minlength=5)
    assert counts.min() > 150
    shallow = tiny.encode([tiny.architecture({"depth": 1, "heads.0": 6, "ffn.0": 512})])
    changes = {
        int(np.flatnonzero(mutant(tiny, shallow, rng)[0] != shallow[0])[0]) for _ in range(99)
    }
    assert changes == {0, 1, 3}  # genes of the dropped layer mean nothing


def test_the_only_network_of_a_space_is_its_own_mutant(driver):
    space = driver.bert_space(2, (2,), heads=(12,), ffn=(1024,))
    network = space.encode([space.largest])
    assert (mutant(space, network, np.random.default_rng(0)) == network).all()
    assert len(neighbours(space, network)) == 0


@pytest.mark.parametrize(
    ("aims", "most", "count"), [(1, 50, 1), (2, 50, 50), (3, 50, 45), (5, 4, 5)]
)
def test_directions_are_as_many_as_fit(aims, most, count):
    lattice = directions(aims, most)
    assert lattice.shape == (count, aims)
    np.testing.assert_allclose(lattice.sum(axis=1), 1.0)
    assert len({tuple(row) for row in lattice.round(9)}) == count
    for corner in np.eye(aims):
        assert (lattice == corner).all(axis=1).any()


def test_a_scale_maps_what_it_was_made_of_between_0_and_1():
    losses = np.array([[1e9, -0.9, 5.0], [4e9, -0.7, 5.0], [2e9, -0.8, 5.0]])
    scaled = Scale.of(losses)(losses)
    assert scaled[:, :2].min(axis=0).tolist() == [0, 0]
    assert scaled[:, :2].max(axis=0).tolist() == [1, 1]
    assert scaled[:, 2].tolist() == [0, 0, 0]
    assert np.isfinite(Scale.of(np.zeros((1, 2)))(np.ones((1, 2)))).all()


def test_local_search_asks_for_neighbours_of_the_front(driver):
    problem, _, found, asks = run(driver, LocalSearch, LocalSearchConfig(start=5), budget=60)
    assert len(asks[0]) == 5
    for count in range(5, 60):
        losses = problem.losses(found[:count])
        beaten = (
            (losses[:, None] >= losses).all(axis=2) & (losses[:, None] > losses).any(axis=2)
        ).any(axis=1)
        front = problem.space.encode(
            [e.architecture for e, lost in zip(found, beaten, strict=False) if not lost]
        )
        around = {key for row in front for key in keys(neighbours(problem.space, row[None]))}
        assert keys(problem.space.encode([found[count].architecture]))[0] in around


def test_local_search_restarts_at_random_from_a_local_optimum(driver, tiny):
    """The smallest network is the only optimum; when all around it is known, strangers come."""
    config = LocalSearchConfig(start=1)
    _, _, found, _ = run(driver, LocalSearch, config, space=tiny, aims=("macs",), budget=tiny.size)
    assert len(found) == tiny.size
    position = [e.architecture for e in found].index(tiny.smallest)
    around = len(neighbours(tiny, tiny.encode([tiny.smallest])))
    assert position < tiny.size - around  # found on the way down, not at the end


def test_batches_hold_as_many_networks_as_are_wanted(driver):
    for target, config in (
        (LocalSearch, LocalSearchConfig(start=8, batch=6)),
        (RegularizedEvolution, RegularizedEvolutionConfig(population=8, batch=6)),
    ):
        _, _, _, asks = run(driver, target, config, budget=44)
        assert [len(ask) for ask in asks] == [8, *[6] * 6]


def test_the_oldest_die_and_the_good_are_parents(driver):
    config = RegularizedEvolutionConfig(population=10, tournament=10)
    problem, _, found, _ = run(driver, RegularizedEvolution, config, aims=("accuracy",), budget=60)
    for count in range(10, 60):
        # with everybody in the tournament the parent is the best of the last ten
        young = found[count - 10 : count]
        best = max(young, key=lambda e: e.values["accuracy"].value)
        child = problem.space.encode([found[count].architecture])
        reach = neighbours(problem.space, problem.space.encode([best.architecture]))
        near = set(keys(reach)) | {
            k for row in reach for k in keys(neighbours(problem.space, row[None]))
        }
        assert keys(child)[0] in near  # one mutation, or two where the first gave a known network


def test_each_sub_problem_of_moead_holds_the_best_for_its_weights(driver):
    problem, strategy, found, _ = run(driver, Moead, MoeadConfig(population=20), budget=300)
    losses = problem.losses(found)
    scaled = (losses - losses.min(axis=0)) / (losses.max(axis=0) - losses.min(axis=0))
    held = scaled[strategy._holders]
    corners = strategy.weights.argmax(axis=0)
    # the ends of the lattice hold what is near the best in one aim
    for aim, corner in enumerate(corners):
        assert held[corner, aim] < 0.15
    order = np.argsort(strategy.weights[:, 0])
    assert np.corrcoef(np.arange(20), held[order, 0])[0, 1] < -0.8


def test_moead_copes_with_fewer_networks_than_sub_problems(driver, tiny):
    _, strategy, found, _ = run(driver, Moead, MoeadConfig(population=30), space=tiny, budget=200)
    assert len(found) == tiny.size
    assert len(strategy.weights) > len(set(strategy._holders.tolist()))


def test_units_of_objectives_do_not_matter(driver):
    """MACs in units or in millions: the same search."""
    runs = []
    for target, config in (
        (Nsga3, Nsga3Config(population=12)),
        (Moead, MoeadConfig(population=12)),
    ):
        for unit in (1.0, 2.0**-20):
            problem = driver.make_problem(budget=60)
            macs = problem.exact["macs"]
            exact = {**problem.exact, "macs": lambda rows, unit=unit, macs=macs: unit * macs(rows)}
            problem = attrs.evolve(problem, exact=exact)
            strategy = target(config, problem, np.random.default_rng(0))
            runs.append(driver.drive(strategy, problem, driver.Table(problem.space))[1])
    assert runs[0] == runs[1]
    assert runs[2] == runs[3]


def test_as_many_directions_as_aims_raise_a_small_population(driver):
    aims = ("accuracy", "macs", "depth", "heads")
    _, strategy, found, _ = run(driver, Nsga3, Nsga3Config(population=4), aims=aims, budget=24)
    assert strategy.population == len(aims)
    assert len(found) == 24

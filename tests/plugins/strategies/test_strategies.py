"""What every strategy must do, on a synthetic super-network."""

from __future__ import annotations

import numpy as np
import pytest

from instatune.interfaces import Limit
from instatune_plugins.predictors import RidgeConfig
from instatune_plugins.predictors.ridge import Ridge
from instatune_plugins.strategies import LinasConfig, Nsga2Config, RandomConfig
from instatune_plugins.strategies.linas import Linas
from instatune_plugins.strategies.nsga2 import Nsga2
from instatune_plugins.strategies.random import Random

KINDS = {
    "random": (Random, RandomConfig, {}),
    "nsga2": (Nsga2, Nsga2Config, {}),
    "linas": (Linas, LinasConfig, {"inner_evaluations": 2_000}),
}


def ridge(seed):
    return Ridge(RidgeConfig(), seed)


@pytest.fixture
def search(driver):
    """Run a whole search; gives the problem, its evaluations, all asks and the strategy."""

    def run(name, space=None, *, seed=0, settings=None, fails=None, limits=(), **options):
        problem = driver.make_problem(space, predictor=ridge, **options)
        problem = driver.with_limits(problem, limits)
        target, config, usual = KINDS[name]
        rng = np.random.default_rng(seed)
        strategy = target(config(**{**usual, **(settings or {})}), problem, rng)
        found, asks = driver.drive(strategy, problem, driver.Table(problem.space), fails)
        return problem, found, asks, strategy

    return run


@pytest.fixture(params=KINDS)
def name(request):
    return request.param


@pytest.mark.parametrize("order", [None, (5, 0, 1, 3, 2, 4)])
def test_asks_are_distinct_canonical_members_of_the_space(search, driver, name, order):
    problem, found, asks, _ = search(name, driver.bert_space(order=order), budget=100)
    asked = [architecture for ask in asks for architecture in ask]
    assert len(found) == len({a.key for a in asked}) == len(asked) == 100
    assert all(problem.space.architecture(a.as_dict()) == a for a in asked)


def test_the_same_seed_and_results_give_the_same_asks(search, name):
    first, again = (search(name, budget=80, seed=3)[2] for _ in range(2))
    other = search(name, budget=80, seed=4)[2]
    assert first == again
    assert first != other


def test_no_ask_is_larger_than_what_is_left(search, name):
    _, _, asks, _ = search(name, budget=47)
    left = [47 - sum(map(len, asks[:n])) for n in range(len(asks))]
    assert all(len(ask) <= rest for ask, rest in zip(asks, left, strict=True))


@pytest.mark.parametrize("share", [0.7, 0.35])
def test_exact_limits_are_met_by_every_ask(search, name, share):
    limits = (("macs", share),)
    problem, found, asks, _ = search(name, budget=60, limits=limits)
    rows = problem.space.encode([a for ask in asks for a in ask])
    assert len(found) == 60
    assert problem.violation(rows).max() == 0


def test_limits_that_random_networks_almost_never_meet_are_met(search, driver, name):
    # 90 networks of 10**13: rejection finds none of them
    space = driver.bert_space(12, tuple(range(6, 13)))
    problem, found, _, _ = search(name, space, budget=40, limits=(("macs", 0.1745),))
    assert len(found) == 40
    assert problem.violation(problem.space.encode([e.architecture for e in found])).max() == 0


def test_limits_that_nothing_meets_end_the_search(search, name):
    _, found, asks, _ = search(name, budget=40, limits=(("macs", 0.01),))
    assert found == []
    assert asks == [[]]


def test_a_space_smaller_than_the_budget_is_measured_as_a_whole(search, driver, name):
    space = driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024))
    problem, found, asks, _ = search(name, space, budget=60)
    assert problem.space.size == 4 + 16
    assert len({e.architecture.key for e in found}) == 20
    assert asks[-1] == []


def test_a_space_of_one_network_gives_that_network(search, driver, name):
    space = driver.bert_space(2, (2,), heads=(12,), ffn=(1024,))
    problem, found, _, _ = search(name, space, budget=10)
    assert [e.architecture for e in found] == [problem.space.largest]


@pytest.mark.parametrize("budget", [1, 3, 7])
def test_tiny_budgets_are_spent_exactly(search, name, budget):
    assert len(search(name, budget=budget)[1]) == budget


@pytest.mark.parametrize("aims", [("accuracy",), ("macs",), ("accuracy", "macs", "depth")])
def test_any_number_of_objectives_is_searched(search, name, aims):
    problem, found, _, _ = search(name, aims=aims, budget=90)
    assert problem.losses(found).shape == (90, len(aims))


def test_a_single_objective_is_driven_to_its_best(search, driver):
    for name in ("nsga2", "linas"):
        problem, found, _, _ = search(name, aims=("macs",), budget=250)
        smallest = driver.measure(problem, driver.Table(problem.space), problem.space.smallest)
        assert problem.losses(found).min() <= 1.1 * problem.losses([smallest])[0, 0], name


def test_failed_measurements_are_not_asked_for_again(search, name):
    def fails(architecture):
        return int(architecture.key, 16) % 3 == 0

    _, found, asks, _ = search(name, budget=90, fails=fails)
    keys = [architecture.key for ask in asks for architecture in ask]
    assert 0 < len(found) < len(keys) == len(set(keys)) == 90


def test_a_search_survives_that_everything_fails(search, name):
    _, found, asks, _ = search(name, budget=30, fails=lambda architecture: True)
    assert found == []
    assert sum(map(len, asks)) == 30


@pytest.mark.parametrize("strategy", ["nsga2", "linas"])
def test_measured_limits_are_learned(search, strategy):
    limits = (Limit(name="accuracy", low=0.80, exact=False),)
    _, found, asks, _ = search(strategy, budget=150, limits=limits)
    met = [e.values["accuracy"].value >= 0.80 for e in found]
    start = len(asks[0])
    assert np.mean(met[-60:]) > 2 * np.mean(met[:start])
    _, free, _, _ = search(strategy, budget=150)
    assert sum(met) > sum(e.values["accuracy"].value >= 0.80 for e in free)


def test_a_limit_on_something_that_is_no_aim_is_predicted_too(search):
    limits = (Limit(name="accuracy", low=0.80, exact=False),)
    _, found, asks, strategy = search("linas", aims=("macs",), budget=100, limits=limits)
    assert {d.objective for d in strategy.diagnostics} == {"accuracy"}
    accuracies = np.array([e.values["accuracy"].value for e in found])
    start = len(asks[0])
    assert (accuracies[start:] >= 0.78).mean() > (accuracies[:start] >= 0.78).mean()


@pytest.mark.parametrize("draw", ["gene", "network"])
def test_extremes_come_first_if_asked_for(search, name, draw):
    settings = {"extremes": True, "draw": draw}
    problem, found, _, _ = search(name, budget=20, settings=settings)
    ends = [problem.space.largest, problem.space.smallest]
    assert [e.architecture for e in found[:2]] == ends
    assert [e.architecture for e in search(name, budget=20)[1][:2]] != ends


def test_searches_beat_random_at_equal_budget(search, driver):
    def volumes(name, **options):
        for seed in range(5):
            problem, found, _, _ = search(name, seed=seed, **options)
            yield driver.quality(problem, found)

    # evolution on measurements alone needs more of them
    assert min(volumes("linas", budget=150)) > np.median(list(volumes("random", budget=150)))
    nsga2 = np.median(list(volumes("nsga2", budget=500)))
    assert nsga2 > np.median(list(volumes("random", budget=500)))


@pytest.mark.parametrize("crossover", ["uniform", "two_point"])
def test_both_crossovers_work(search, crossover):
    for name in ("nsga2", "linas"):
        assert len(search(name, budget=60, settings={"crossover": crossover})[1]) == 60

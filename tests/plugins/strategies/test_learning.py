"""Strategies that learn predictors: what is particular to each but LINAS."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from instatune.errors import SearchError
from instatune.interfaces import Limit, Prediction, Predictor
from instatune.metrics.front import ranks
from instatune.testing.fakes import UnsureLeastSquares
from instatune_plugins.predictors import RidgeConfig
from instatune_plugins.predictors.ridge import Ridge
from instatune_plugins.strategies import BayesConfig, LinasConfig, WeakNasConfig
from instatune_plugins.strategies._evolution import Crowding, Evolution, Scores
from instatune_plugins.strategies._landscape import Landscape
from instatune_plugins.strategies._networks import keys
from instatune_plugins.strategies._niching import Niching
from instatune_plugins.strategies._variation import Variation
from instatune_plugins.strategies.bayes import Bayes
from instatune_plugins.strategies.linas import Linas
from instatune_plugins.strategies.weaknas import WeakNas


class Oracle(Predictor):
    """Knows the truth, and a deviation that is told to it."""

    def __init__(self, space, table, std=0.0):
        super().__init__()
        self.space, self.table, self.std = space, table, std

    def fit(self, x, y):
        pass

    def predict(self, x):
        blocks = np.split(x, np.cumsum(self.space.cardinalities)[:-1], axis=1)
        rows = np.stack(
            [
                np.where(block.any(axis=1), block.argmax(axis=1), block.shape[1] - 1)
                for block in blocks
            ],
            axis=1,
        )
        return Prediction(self.table.accuracy(rows), np.full(len(x), self.std))


def make(driver, target, config, predictor=None, seed=0, **options):
    space = options.pop("space", None) or driver.bert_space()
    predictor = predictor or (lambda seed: UnsureLeastSquares(None, seed))
    problem = driver.make_problem(space, predictor=predictor, **options)
    return target(config, problem, np.random.default_rng(seed)), problem


def told(driver, strategy, problem, count=30):
    """Let a strategy begin with some networks."""
    table = driver.Table(problem.space)
    while len(strategy.memory) < count:
        asked = strategy.ask(count - len(strategy.memory))
        strategy.tell([driver.measure(problem, table, a) for a in asked])
    return table


@pytest.mark.parametrize("target", [WeakNas, Bayes])
def test_diagnostics_look_back_at_each_fit(driver, target):
    config = WeakNasConfig(pool=500) if target is WeakNas else BayesConfig(pool=300, batch=10)
    strategy, problem = make(driver, target, config, budget=50)
    found, asks = driver.drive(strategy, problem, driver.Table(problem.space))
    assert len(found) == 50
    assert [d.tested_on for d in strategy.diagnostics] == [len(ask) for ask in asks[1:]]
    assert all(d.objective == "accuracy" for d in strategy.diagnostics)


def test_weaknas_draws_from_the_predicted_head_of_the_space(driver):
    space = driver.bert_space(3, (2, 3), heads=(6, 12), ffn=(512, 1024))
    table = driver.Table(space)
    config = WeakNasConfig(start=8, batch=6, top=12, pool=100)
    strategy, problem = make(
        driver, WeakNas, config, lambda seed: Oracle(space, table), space=space, budget=40
    )
    told(driver, strategy, problem, 8)
    unknown = strategy.new(space.canonical(np.array(list(np.ndindex(*space.cardinalities)))))
    asked = problem.space.encode(strategy.ask(40))
    assert len(asked) == 6
    losses = np.stack([-table.accuracy(unknown), problem.exact["macs"](unknown)], axis=1)
    head = unknown[np.argsort(ranks(losses), kind="stable")]
    last = ranks(losses)[np.argsort(ranks(losses), kind="stable")][11]
    assert set(keys(asked)) <= set(keys(unknown[ranks(losses) <= last]))
    assert set(keys(asked)) != set(keys(head[:6]))  # drawn, not the very best


def test_bayes_with_a_sure_oracle_measures_what_grows_the_hypervolume_most(driver):
    space = driver.bert_space(3, (2, 3), heads=(6, 12), ffn=(512, 1024))
    table = driver.Table(space)
    config = BayesConfig(start=8, batch=1, pool=1000)
    strategy, problem = make(
        driver, Bayes, config, lambda seed: Oracle(space, table), space=space, budget=40
    )
    told(driver, strategy, problem, 8)
    before = strategy.memory.scores().losses
    low, high = before.min(axis=0), before.max(axis=0)

    def volume(losses):
        from instatune.metrics.hypervolume import hypervolume

        return hypervolume((losses - low) / (high - low), np.full(2, 1.1))

    unknown = strategy.new(space.canonical(np.array(list(np.ndindex(*space.cardinalities)))))
    losses = np.stack([-table.accuracy(unknown), problem.exact["macs"](unknown)], axis=1)
    gains = [volume(np.concatenate([before, row[None]])) for row in losses]
    asked = space.encode(strategy.ask(1))
    assert keys(asked)[0] == keys(unknown[[int(np.argmax(gains))]])[0]


def test_bayes_explores_where_it_is_unsure_and_not_where_a_limit_is_out_of_reach(driver):
    strategy, problem = make(driver, Bayes, BayesConfig(pool=200), aims=("macs",), budget=60)
    limits = (
        Limit(name="accuracy", low=0.8, exact=False),
        Limit(name="accuracy", high=0.9, exact=False),
    )
    problem = attrs.evolve(problem, limits=limits)
    strategy = Bayes(BayesConfig(), problem, np.random.default_rng(0))
    predictions = {"accuracy": Prediction(np.array([0.8, 0.85, 0.5]), np.array([0.01, 1e-9, 0.01]))}
    np.testing.assert_allclose(strategy._chance(predictions, 3), [0.5, 1.0, 0.0], atol=1e-6)


def test_bayes_with_a_predictor_without_deviation_is_an_error_that_says_what_to_do(driver):
    strategy, problem = make(
        driver, Bayes, BayesConfig(), lambda seed: Ridge(RidgeConfig(), seed), budget=40
    )
    with pytest.raises(
        SearchError, match=r"search\.predictor: .* knows its uncertainty; use e\.g\. gp"
    ):
        told(driver, strategy, problem)


def test_a_landscape_keeps_exact_objectives_exact(driver):
    strategy, problem = make(driver, WeakNas, WeakNasConfig(), budget=60)
    told(driver, strategy, problem)
    landscape = Landscape.learned(strategy.memory, [1, 2])
    rows = problem.space.sample(np.random.default_rng(0), 10)
    np.testing.assert_array_equal(landscape(rows).losses[:, 1], problem.exact["macs"](rows))
    assert set(landscape.models) == {"accuracy"}


# U-NSGA-III inside of LINAS


def many_losses(rng, rows, aims=4):
    """Points near the front sum = 1 of many aims, in units that differ."""
    points = rng.dirichlet(np.ones(aims), rows) * rng.uniform(1.0, 1.5, (rows, 1))
    return points * 10.0 ** np.arange(aims)


def test_niching_keeps_the_first_front_spread_over_directions():
    rng = np.random.default_rng(0)
    losses = many_losses(rng, 300)
    scores = Scores(losses, np.zeros(300))
    niching = Niching(4, 35)
    rows = niching.survivors(scores, 35, rng)
    assert len(rows) == len(set(rows.tolist())) == 35
    first = ranks(losses) == 0
    assert first[rows].all() if first.sum() >= 35 else first[rows].sum() == first.sum()
    assert len(set(niching._marks[:, 1].tolist())) > 20  # niches that are taken


def test_niching_prefers_feasible_networks_and_small_violations():
    rng = np.random.default_rng(0)
    violation = np.where(np.arange(40) < 10, 0.0, np.arange(40) / 10.0)
    niching = Niching(4, 20)
    rows = niching.survivors(Scores(many_losses(rng, 40), violation), 20, rng)
    assert set(rows[:10].tolist()) == set(range(10))
    assert rows[10:].tolist() == list(range(10, 20))
    pairs = np.array([[0, 15, 12], [15, 0, 18]])
    assert niching.winners(pairs, rng).tolist() == [0, 0, 12]
    only = Niching(4, 20).survivors(Scores(many_losses(rng, 5), violation[-5:]), 3, rng)
    assert only.tolist() == [0, 1, 2]


def test_winners_in_one_niche_are_of_the_better_front_and_else_by_chance():
    niching, rng = Niching(4, 4), np.random.default_rng(0)
    # violation, niche, rank, distance
    niching._marks = np.array([[0, 1, 0, 0.5], [0, 1, 1, 0.1], [0, 1, 0, 0.2], [0, 2, 5, 0.9]])
    assert set(niching.winners(np.array([[0] * 50, [1] * 50]), rng).tolist()) == {0}
    assert set(niching.winners(np.array([[0] * 50, [2] * 50]), rng).tolist()) == {2}
    assert set(niching.winners(np.array([[0] * 50, [3] * 50]), rng).tolist()) == {0, 3}


def test_linas_takes_niches_for_more_than_three_objectives(driver):
    config = LinasConfig(inner_evaluations=400)
    few, _ = make(driver, Linas, config, budget=30)
    assert isinstance(few._survival(), Crowding)
    aims = ("accuracy", "macs", "depth", "heads")
    strategy, problem = make(driver, Linas, config, aims=aims, budget=30)
    assert isinstance(strategy._survival(), Niching)
    found, _ = driver.drive(strategy, problem, driver.Table(problem.space))
    assert len(found) == 30


def test_evolution_with_niches_beats_random_draws_in_many_objectives(driver):
    from instatune.metrics.hypervolume import hypervolume

    space = driver.bert_space()
    table, macs = driver.Table(space), driver.macs(space)
    full = macs(space.encode([space.largest]))[0]

    def score(rows):
        aims = [-table.accuracy(rows), macs(rows) / full, rows[:, 1] / 3, rows[:, 3] / 3]
        return Scores(np.stack(aims, axis=1), np.zeros(len(rows)))

    evolution = Evolution(
        space=space,
        variation=Variation.of(LinasConfig(), space.cardinalities),
        population=50,
        evaluations=2_000,
        survival=Niching(4, 50),
    )
    rng = np.random.default_rng(0)
    explored = evolution.run(space.sample(rng, 50), score, rng)
    corner = np.array([-0.5, 1.05, 1.05, 1.05])
    drawn = score(space.sample(rng, 6_000)).losses
    assert hypervolume(explored.scores.losses, corner) > hypervolume(drawn, corner)

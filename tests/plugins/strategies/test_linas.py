from __future__ import annotations

import attrs
import numpy as np
import pytest

from instatune.errors import PluginError, SearchError
from instatune.interfaces import Prediction, Predictor
from instatune.metrics.statistics import kendall
from instatune_plugins.predictors import RidgeConfig
from instatune_plugins.predictors.ridge import Ridge
from instatune_plugins.strategies import LinasConfig
from instatune_plugins.strategies._memory import Memory
from instatune_plugins.strategies.linas import Linas

QUICK = LinasConfig(inner_evaluations=1_000)


def make(driver, predictor, seed=0, config=QUICK, **options):
    problem = driver.make_problem(predictor=predictor, **options)
    return Linas(config, problem, np.random.default_rng(seed)), problem


class Recorder(Predictor):
    """Ridge that remembers what it was fitted to and asked for."""

    def __init__(self, log, seed):
        super().__init__(None, seed)
        self.log, self.model = log, Ridge(RidgeConfig(), seed)

    def fit(self, x, y):
        self.log.append(("fit", len(y), self.seed))
        self.model.fit(x, y)

    def predict(self, x):
        self.log.append(("predict", len(x), self.seed))
        return self.model.predict(x)


def test_each_loop_refits_on_everything_measured_and_predicts_the_agreed_number(driver):
    log = []
    strategy, problem = make(driver, lambda seed: Recorder(log, seed), budget=100)
    driver.drive(strategy, problem, driver.Table(problem.space))
    fits = [entry for entry in log if entry[0] == "fit"]
    assert [rows for _, rows, _ in fits] == [20, 40, 60, 80]
    assert len({seed for _, _, seed in fits}) == 4
    for _, _, seed in fits:
        predicted = sum(rows for kind, rows, s in log if kind == "predict" and s == seed)
        assert predicted == 1_000 + 20  # inner loop, and the forecast that diagnostics look at


def test_exact_objectives_need_no_predictor(driver):
    strategy, problem = make(driver, None, aims=("macs", "depth"), budget=60)
    found, _ = driver.drive(strategy, problem, driver.Table(problem.space))
    assert len(found) == 60
    assert strategy.diagnostics == []


def test_a_missing_predictor_is_an_error_that_says_what_to_do(driver):
    with pytest.raises(
        SearchError, match=r"search\.predictor: accuracy must .*; name a predictor, e\.g\. best_of"
    ):
        make(driver, None)


def test_diagnostics_compare_predictions_with_what_was_measured_later(driver):
    strategy, problem = make(driver, lambda seed: Ridge(RidgeConfig(), seed), budget=100)
    table = driver.Table(problem.space)
    found, asks = driver.drive(strategy, problem, table)
    assert [d.loop for d in strategy.diagnostics] == [1, 2, 3, 4]
    assert [d.trained_on for d in strategy.diagnostics] == [20, 40, 60, 80]
    last = strategy.diagnostics[-1]
    model = Ridge(RidgeConfig())
    genotypes = problem.space.encode([e.architecture for e in found])
    accuracies = np.array([e.values["accuracy"].value for e in found])
    features = problem.space.features(genotypes)
    model.fit(features[:80], accuracies[:80])
    predicted = model.predict(features[80:]).mean
    assert last.tau == pytest.approx(kendall(accuracies[80:], predicted))
    assert last.mape == pytest.approx(np.mean(np.abs(predicted / accuracies[80:] - 1)))
    assert last.note.startswith("ridge, alpha")
    assert last.tested_on == len(asks[-1]) == 20
    assert attrs.asdict(last)["objective"] == "accuracy"


def test_the_last_population_is_measured(driver):
    strategy, problem = make(driver, lambda seed: Ridge(RidgeConfig(), seed), budget=100)
    found, asks = driver.drive(strategy, problem, driver.Table(problem.space))
    assert [e.architecture for e in found] == [a for ask in asks for a in ask]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: np.full(n, np.nan), "predictions are not finite numbers"),
        (lambda n: np.full((n, 1), 0.5), r"gave shape \(\d+, 1\) for \d+ rows"),
    ],
)
def test_a_predictor_that_misbehaves_is_named(driver, answer, message):
    class Broken(Predictor):
        def fit(self, x, y):
            pass

        def predict(self, x):
            return Prediction(answer(len(x)))

    strategy, problem = make(driver, lambda seed: Broken(None, seed))
    with pytest.raises(PluginError, match=rf"Broken, objective accuracy: .*{message}"):
        driver.drive(strategy, problem, driver.Table(problem.space))


def test_small_budgets_have_small_populations(driver):
    sizes = {
        budget: make(driver, lambda seed: Ridge(RidgeConfig(), seed), budget=budget)[0].population
        for budget in (10, 100, 250, 1000)
    }
    assert sizes == {10: 4, 100: 20, 250: 50, 1000: 50}


def test_results_that_are_no_numbers_count_as_failed(driver):
    problem = driver.make_problem()
    memory, table = Memory(problem), driver.Table(problem.space)
    good = driver.measure(problem, table, problem.space.largest)
    bad = driver.measure(problem, table, problem.space.smallest)
    bad.values["accuracy"] = attrs.evolve(bad.values["accuracy"], value=float("nan"))
    memory.learn([good, bad, good])
    assert len(memory) == 1
    assert len(memory.known) == 2
    assert memory.scores().losses.shape == (1, 2)

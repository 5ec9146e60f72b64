"""The authors' LINAS that benchmarks compare with behaves as published."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import attrs
import numpy as np
import pytest

from instatune.errors import SearchError


@pytest.fixture(scope="module")
def authors():
    path = Path(__file__).parents[2] / "benchmarks" / "authors_linas.py"
    spec = importlib.util.spec_from_file_location("authors_linas", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(driver, authors, space=None, budget=60, **changes):
    problem = attrs.evolve(driver.make_problem(space, budget=budget), **changes)
    config = authors.AuthorsLinasConfig(population=20, inner_evaluations=400, thin=25)
    strategy = authors.AuthorsLinas(config, problem, np.random.default_rng(0))
    found, asks = driver.drive(strategy, problem, driver.Table(problem.space))
    return strategy, found, asks


def test_repeats_are_paid_for(driver, authors):
    tiny = driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024))
    strategy, found, asks = run(driver, authors, tiny)
    assert strategy.spent == 60
    assert len(found) == len(strategy.paid) <= tiny.size == 20
    assert [len(ask) <= 20 for ask in asks[:3]] == [True] * 3
    assert asks[-1] == []
    numbers = [strategy.paid[e.architecture.key] for e in found]
    assert numbers == sorted(numbers)
    assert numbers[-1] > len(found)  # repeats lay between


def test_the_budget_ends_with_the_last_measured_population(driver, authors):
    strategy, found, asks = run(driver, authors)
    assert strategy.spent == 60
    assert [len(ask) > 0 for ask in asks] == [True] * 3 + [False] * (len(asks) - 3)
    assert 20 < len(found) <= 60


def test_every_objective_is_predicted(driver, authors, monkeypatch):
    fitted = []
    real = authors._fitted

    def spy(x, y, thin):
        fitted.append((x.shape, y.copy()))
        return real(x, y, thin)

    monkeypatch.setattr(authors, "_fitted", spy)
    run(driver, authors)
    assert len(fitted) == 2 * 2  # accuracy and MACs, in each of the loops that follow the first
    assert fitted[1][1].min() > 1e6  # MACs


def test_an_initial_design_replaces_the_random_one(driver, authors):
    space = driver.bert_space()
    design = tuple(space.decode(space.sample(np.random.default_rng(3), 20)))
    _, found, _ = run(driver, authors, space, initial=design)
    assert [e.architecture for e in found[:20]] == list(design)


def test_constraints_are_refused(driver, authors):
    problem = driver.with_limits(driver.make_problem(), [("macs", 0.5)])
    with pytest.raises(SearchError, match="constraints: the authors' LINAS has none"):
        run(driver, authors, limits=problem.limits)

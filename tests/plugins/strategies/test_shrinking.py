"""The smaller space: what is left out, what is never left out, and the search through all of it."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import SearchError
from instatune.metrics.front import non_dominated
from instatune.metrics.hypervolume import Box
from instatune_plugins.predictors import RidgeConfig
from instatune_plugins.predictors.ridge import Ridge
from instatune_plugins.strategies import ShrinkingConfig
from instatune_plugins.strategies._networks import all_networks
from instatune_plugins.strategies._shrink import dropped, frequent, harmless, smaller, widened
from instatune_plugins.strategies.shrinking import Shrinking


@pytest.fixture
def small(driver):
    """A space of 22,608 networks that can be listed."""
    return driver.bert_space(4, (2, 3, 4))


def run(driver, space, seed=0, budget=150, aims=("accuracy", "macs"), predictor=None, **settings):
    problem = driver.make_problem(space, aims=aims, budget=budget, predictor=predictor)
    strategy = Shrinking(ShrinkingConfig(**settings), problem, np.random.default_rng(seed))
    table = driver.Table(problem.space, seed)
    found, asks = driver.drive(strategy, problem, table)
    return strategy, problem, table, found, asks


def without(space, networks, left_out):
    """Which networks use none of the values that were left out: the slow way."""
    return np.array(
        [
            not any(value in left_out.get(name, ()) for name, value in network.values)
            for network in space.decode(networks)
        ]
    )


@pytest.mark.parametrize("by", ["popdb", "trees"])
def test_the_smaller_space_keeps_almost_all_of_the_true_hypervolume(driver, small, by):
    kept, parts = [], []
    networks = all_networks(small)
    for seed in range(3):
        strategy, problem, table, _, _ = run(driver, small, seed, by=by)
        macs = problem.exact["macs"](networks)
        losses = np.stack([-table.accuracy(networks), macs], axis=1)
        box = Box.loose([(-0.95, -0.5), (0.0, macs.max())])
        inside = losses[without(small, networks, strategy.shrinkage.dropped)]
        assert len(inside) == strategy.shrinkage.after <= strategy.shrinkage.before == small.size
        fronts = [rows[non_dominated(rows)] for rows in (inside, losses)]
        volumes = [box.hypervolume(front) for front in fronts]
        kept.append(volumes[0] / volumes[1])
        parts.append(len(inside) / len(losses))
    assert min(kept) >= 0.98
    assert min(parts) < 0.6


def test_the_second_strategy_searches_the_smaller_space_alone(driver, small):
    strategy, problem, _, found, asks = run(driver, small, 1)
    asked = [architecture for ask in asks for architecture in ask]
    rows = problem.space.encode(asked)
    allowed = without(small, rows, strategy.shrinkage.dropped)
    assert strategy.shrinkage.dropped
    assert not allowed[:60].all()
    assert allowed[60:].all()
    assert len(set(asked)) == len(asked) == len(found) == 150


def test_what_good_networks_never_have_is_dropped_and_the_largest_stays(small):
    networks = small.sample(np.random.default_rng(0), 400)
    columns = {gene.name: column for column, gene in enumerate(small.genes)}
    ban = {"heads.0": 1, "ffn.1": 0, "heads.2": small.cardinalities[columns["heads.2"]] - 1}
    for name, choice in ban.items():
        active = small.active(networks)[:, columns[name]]
        networks = networks[~active | (networks[:, columns[name]] != choice)]
    left_out = dropped(small, frequent(small, networks))
    assert left_out == {"heads.0": (6,), "ffn.1": (512,)}


def test_few_networks_are_no_evidence(small):
    networks = small.sample(np.random.default_rng(0), 5)
    assert dropped(small, frequent(small, networks)) == {}
    assert dropped(small, frequent(small, networks[:0])) == {}
    assert dropped(small, harmless(small, networks, 1, np.random.default_rng(0), 0.5)) == {}


def test_trees_drop_the_value_that_spoils_networks_and_nothing_of_the_front(small):
    networks = small.sample(np.random.default_rng(0), 300)
    column = [gene.name for gene in small.genes].index("heads.0")
    spoiled = networks[:, column] == 1
    networks = networks[np.argsort(spoiled, kind="stable")]
    left_out = dropped(small, harmless(small, networks, 1, np.random.default_rng(0), 0.05))
    assert left_out == {"heads.0": (6,)}
    everything = dropped(small, harmless(small, networks, 300, np.random.default_rng(0), 0.9))
    assert everything == {}


@given(seed=st.integers(0, 10**6), rows=st.integers(0, 60), rare=st.integers(0, 3))
def test_whatever_is_dropped_two_values_and_the_largest_network_stay(driver, seed, rows, rare):
    space = driver.bert_space(3, (1, 2, 3))
    rng = np.random.default_rng(seed)
    networks = space.canonical(np.minimum(space.sample(rng, rows), rare))
    keep = frequent(space, networks)
    shrunk = smaller(space, keep)
    assert shrunk.largest == space.largest
    for gene, now in zip(space.genes, shrunk.genes, strict=True):
        assert len(now.choices) >= min(2, len(gene.choices))
    drawn = shrunk.sample(rng, 20)
    assert space.decode(widened(keep, drawn)) == shrunk.decode(drawn)
    assert np.array_equal(space.canonical(widened(keep, drawn)), widened(keep, drawn))


def test_a_strategy_with_a_predictor_searches_the_smaller_space(driver, small):
    strategy, _, _, found, _ = run(
        driver,
        small,
        strategy="linas",
        settings={"inner_evaluations": 300},
        predictor=lambda seed: Ridge(RidgeConfig(), seed),
        budget=120,
    )
    assert len(found) == 120
    shrinkage, *loops = strategy.diagnostics
    assert shrinkage is strategy.shrinkage
    assert {note.objective for note in loops} == {"accuracy"}
    assert min(note.trained_on for note in loops) > 10  # it knows what the scout found


def test_what_was_dropped_can_be_written_down(driver, small):
    shrinkage = run(driver, small)[0].shrinkage
    read = json.loads(json.dumps(attrs.asdict(shrinkage)))
    assert read["measured"] == 60
    assert read["after"] < read["before"]
    assert {gene.name for gene in small.genes} >= set(read["dropped"])


def test_a_smaller_space_that_is_used_up_gives_way_to_the_full_one(driver):
    space = driver.bert_space(2, (1, 2))
    strategy, _, _, found, _ = run(driver, space, budget=200, good=0.2)
    assert strategy.shrinkage.after < len(found) == space.size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "nsga22"}, "strategy: no strategy is called 'nsga22'; did you mean 'nsga2'"),
        ({"scout": "shrinking"}, "scout: 'shrinking' leads another strategy itself"),
        ({"settings": {"populaton": 9}}, "settings.populaton: unknown key; did you mean 'popula"),
        ({"settings": {"population": 1}}, "settings.population: must be >= 4, got 1"),
        ({"share": 1.0}, "share"),
        ({"good": 0.0}, "good"),
        ({"drop": 0.0}, "drop"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ShrinkingConfig(**settings)


def test_a_strategy_for_one_objective_is_refused_where_there_are_two(driver):
    problem = driver.make_problem()
    config = ShrinkingConfig(strategy="ga")
    with pytest.raises(SearchError, match="leads 'ga', which handles 1 to 1 of objectives, and th"):
        Shrinking(config, problem, np.random.default_rng(0))

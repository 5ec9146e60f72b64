from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from instatune.space import Gene, SearchSpace
from instatune_plugins.strategies import RandomConfig
from instatune_plugins.strategies._networks import (
    all_networks,
    fresh,
    keys,
    log_spellings,
    uniform_networks,
)
from instatune_plugins.strategies._source import RandomNetworks


@st.composite
def spaces(draw):
    """One or two stacks, with or without elastic depth, and a gene outside of all stacks."""
    genes, priority = [], {}
    for stack in ("encoder", "decoder")[: draw(st.integers(1, 2))]:
        layers = draw(st.integers(1, 3))
        priority[stack] = tuple(draw(st.permutations(range(layers))))
        if draw(st.booleans()):
            depths = draw(st.sets(st.integers(1, layers), min_size=1))
            genes.append(
                Gene(
                    name=f"{stack}.depth",
                    choices=tuple(sorted(depths)),
                    effect="depth",
                    targets=(stack,),
                )
            )
        for layer in range(layers):
            genes.append(width(f"{stack}.{layer}", draw(st.integers(1, 3)), stack, layer))
    genes.append(width("embedding", draw(st.integers(1, 3)), None, None))
    return SearchSpace(genes=tuple(genes), priority=priority, full_units={})


def width(name, choices, stack, layer):
    return Gene(
        name=name,
        choices=tuple(range(1, choices + 1)),
        effect="width",
        targets=(name,),
        stack=stack,
        layer=layer,
    )


@given(spaces())
@settings(max_examples=80, deadline=None)
def test_all_networks_are_listed_once_and_canonical(space):
    networks = all_networks(space)
    assert len(networks) == space.size == len(set(keys(networks)))
    assert (space.canonical(networks) == networks).all()
    assert len({a.key for a in space.decode(networks)}) == space.size


@given(spaces())
@settings(max_examples=40, deadline=None)
def test_spellings_of_all_networks_are_all_genotypes(space):
    spellings = np.exp(log_spellings(space, all_networks(space)))
    assert spellings.sum() == pytest.approx(float(np.prod(space.cardinalities)))


def test_uniform_networks_come_with_equal_chance(driver):
    space = driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024))
    drawn = uniform_networks(space, np.random.default_rng(0), 20_000)
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == space.size == 20
    assert stats.chisquare(counts).pvalue > 0.01


def test_fresh_rows_are_unknown_unrepeated_and_in_order():
    rows = np.array([[1, 2], [0, 0], [1, 2], [3, 4]])
    assert fresh(rows, set(keys(rows[1:2]))).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(("over", "shallow"), [("genes", 0.5), ("networks", 0.2)])
def test_a_listed_space_is_drawn_like_any_other(driver, over, shallow):
    # depths 1 and 2 have 4 and 16 networks: by genes they are alike, by networks 1 : 4
    problem = driver.make_problem(driver.bert_space(2, (1, 2), heads=(6, 12), ffn=(512, 1024)))
    first = [
        RandomNetworks(problem, RandomConfig(over=over), np.random.default_rng(seed)).take(1, set())
        for seed in range(600)
    ]
    share = np.mean(np.concatenate(first)[:, 0] == 0)
    assert share == pytest.approx(shallow, abs=4 * np.sqrt(shallow * (1 - shallow) / 600))


def test_narrow_limits_are_met_where_rejection_fails(driver):
    problem = driver.make_problem(driver.bert_space(12, tuple(range(6, 13))))
    problem = driver.with_limits(problem, [("macs", 0.1745)])
    rng = np.random.default_rng(0)
    assert (problem.violation(problem.space.sample(rng, 10_000)) == 0).sum() < 5
    networks = RandomNetworks(problem, RandomConfig(), rng).take(200, set())
    # six layers, and above the smallest heads and FFNs at most three steps of heads or one of FFN
    assert len(set(keys(networks))) == len(networks) == 1 + 6 + 21 + 56 + 6
    assert problem.violation(networks).max() == 0

"""What ``hill`` does beyond the contract of strategies."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np
import pytest
from instatune_plugin_hill import HillConfig
from instatune_plugin_hill.hill import Hill

from instatune.interfaces import Evaluation, Limit, Problem
from instatune.space import Architecture
from instatune.testing.fakes import Landscape


def climb(problem: Problem, start: int, seed: int) -> Iterator[tuple[list[Evaluation], Evaluation]]:
    """Run a whole search; gives what was known before each network, and the network."""
    strategy = Hill(HillConfig(start=start), problem, np.random.default_rng(seed))
    known: list[Evaluation] = []
    while len(known) < problem.budget:
        told = Landscape().measure(list(strategy.ask(problem.budget - len(known))))
        yield list(known), told[0]
        strategy.tell(told)
        known += told


def front(problem: Problem, known: list[Evaluation]) -> list[Architecture]:
    """Networks that no other one beats, found one by one."""
    losses = problem.losses(known).tolist()
    return [
        evaluation.architecture
        for evaluation, own in zip(known, losses, strict=True)
        if not any(
            other != own and all(a <= b for a, b in zip(other, own, strict=True))
            for other in losses
        )
    ]


@pytest.mark.parametrize("seed", range(3))
def test_each_network_after_the_start_is_one_gene_away_from_the_front(seed: int) -> None:
    problem = Landscape().problem(20)
    space = problem.space
    for known, network in climb(problem, start=5, seed=seed):
        if len(known) < 5:
            continue
        parents = space.encode(front(problem, known))
        children = {
            child
            for gene, count in enumerate(space.cardinalities)
            for choice in range(count)
            for child in space.decode(space.canonical(with_gene(parents, gene, choice)))
        }
        assert network.architecture in children


def with_gene(rows: np.ndarray, gene: int, choice: int) -> np.ndarray:
    """Networks with one gene set, ``[rows, genes]``."""
    changed = rows.copy()
    changed[:, gene] = choice
    return changed


def test_nothing_is_measured_twice_and_exact_limits_hold() -> None:
    problem = Landscape().problem(40)
    macs = problem.exact["macs"](problem.space.encode([problem.space.largest]))[0]
    problem = attrs.evolve(problem, limits=(Limit(name="macs", high=0.7 * macs),))
    found = [network.architecture for _, network in climb(problem, start=8, seed=0)]
    assert len(set(found)) == len(found) == problem.budget
    assert problem.violation(problem.space.encode(found)).max() == 0


def test_the_start_must_have_a_network() -> None:
    with pytest.raises(ValueError, match="'start' must be >= 1"):
        HillConfig(start=0)

"""Search strategies: which networks are measured next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, gt, le, optional

from instatune.plugin import hookimpl
from instatune.plugin.entries import StrategyEntry

_share = [ge(0.0), le(1.0)]


@attrs.frozen(kw_only=True)
class DrawConfig:
    """How random networks are drawn; part of every strategy.

    Attributes:
        draw: ``"gene"`` draws each gene uniformly, the paper's reading; ``"network"`` draws each
            distinct network with the same chance, which makes deep ones far more likely.
        extremes: Measure the largest and the smallest network first. Off by default: compared with
            a search that lacks them, most of the gain would be theirs.
    """

    draw: Literal["gene", "network"] = "gene"
    extremes: bool = False


@attrs.frozen(kw_only=True)
class RandomConfig(DrawConfig):
    """Settings of ``random``."""


@attrs.frozen(kw_only=True)
class EvolutionConfig(DrawConfig):
    """Settings that strategies with crossover and mutation share.

    Attributes:
        population: Networks in a population; budgets below five populations get smaller ones.
        crossover: ``"uniform"`` swaps each gene with chance 1/2, ``"two_point"`` a run of genes.
        crossover_rate: Chance that a pair of parents is crossed at all.
        mutation_rate: Chance that a gene is drawn anew; None for the larger of 1 / genes and 0.02.
    """

    population: int = attrs.field(default=50, validator=ge(4))
    crossover: Literal["uniform", "two_point"] = "uniform"
    crossover_rate: float = attrs.field(default=0.9, validator=_share)
    mutation_rate: float | None = attrs.field(default=None, validator=optional([gt(0.0), le(1.0)]))


@attrs.frozen(kw_only=True)
class Nsga2Config(EvolutionConfig):
    """Settings of ``nsga2``."""


@attrs.frozen(kw_only=True)
class LinasConfig(EvolutionConfig):
    """Settings of ``linas``.

    Attributes:
        inner_evaluations: Predictions in each loop: J of the paper's Algorithm 1.
    """

    inner_evaluations: int = attrs.field(default=20_000, validator=ge(1))


@hookimpl
def instatune_strategies() -> Iterator[StrategyEntry]:
    """Offer LINAS and the two searches that it must beat."""
    yield StrategyEntry(
        name="linas",
        target="instatune_plugins.strategies.linas:Linas",
        config=LinasConfig,
        needs_predictor=True,
        summary="evolution on predictors, refitted after each measured population (LINAS)",
    )
    yield StrategyEntry(
        name="nsga2",
        target="instatune_plugins.strategies.nsga2:Nsga2",
        config=Nsga2Config,
        summary="evolution on measurements alone (NSGA-II)",
    )
    yield StrategyEntry(
        name="random",
        target="instatune_plugins.strategies.random:Random",
        config=RandomConfig,
        summary="distinct random networks, the baseline of every search",
    )

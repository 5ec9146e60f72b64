"""Settings of strategies that vary networks that did well."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, le, optional

from instatune_plugins.strategies.draw_config import DrawConfig

_share = [ge(0.0), le(1.0)]


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
class Nsga3Config(EvolutionConfig):
    """Settings of ``nsga3`` and ``unsga3``: a reference direction for each of the population."""


@attrs.frozen(kw_only=True)
class AgeMoeaConfig(EvolutionConfig):
    """Settings of ``age_moea``."""


@attrs.frozen(kw_only=True)
class GaConfig(EvolutionConfig):
    """Settings of ``ga``."""


@attrs.frozen(kw_only=True)
class MoeadConfig(EvolutionConfig):
    """Settings of ``moead``: one sub-problem for each of the population.

    Attributes:
        neighbours: Sub-problems that exchange networks; at most all of them.
        mating: Chance that parents come from one neighbourhood instead of the whole population.
        replacements: Sub-problems that one child may take over.
    """

    neighbours: int = attrs.field(default=20, validator=ge(2))
    mating: float = attrs.field(default=0.9, validator=_share)
    replacements: int = attrs.field(default=2, validator=ge(1))


@attrs.frozen(kw_only=True)
class RegularizedEvolutionConfig(DrawConfig):
    """Settings of ``regularized_evolution``.

    Attributes:
        population: Youngest networks that may become parents; budgets below five populations get
            smaller ones.
        tournament: Of these, how many are drawn for each child, which the best of them gets; None
            for a quarter.
        batch: Children that are measured together.
    """

    population: int = attrs.field(default=50, validator=ge(4))
    tournament: int | None = attrs.field(default=None, validator=optional(ge(1)))
    batch: int = attrs.field(default=1, validator=ge(1))


@attrs.frozen(kw_only=True)
class LocalSearchConfig(DrawConfig):
    """Settings of ``local_search``.

    Attributes:
        start: Random networks at first; a fifth of small budgets.
        batch: Neighbours that are measured together.
    """

    start: int = attrs.field(default=10, validator=ge(1))
    batch: int = attrs.field(default=1, validator=ge(1))

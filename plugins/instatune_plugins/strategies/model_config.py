"""Settings of strategies that learn predictors."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from instatune_plugins.strategies.draw_config import DrawConfig
from instatune_plugins.strategies.evolution_config import EvolutionConfig


@attrs.frozen(kw_only=True)
class LinasConfig(EvolutionConfig):
    """Settings of ``linas``.

    Attributes:
        inner_evaluations: Predictions in each loop: J of the paper's Algorithm 1.
    """

    inner_evaluations: int = attrs.field(default=20_000, validator=ge(1))


@attrs.frozen(kw_only=True)
class WeakNasConfig(DrawConfig):
    """Settings of ``weaknas``.

    Attributes:
        start: Random networks at first; a fifth of small budgets.
        batch: Networks that are measured between two fits.
        top: The batch is drawn from that many networks that look best.
        pool: Random networks that are looked at in each loop; smaller spaces as a whole.
    """

    start: int = attrs.field(default=50, validator=ge(4))
    batch: int = attrs.field(default=10, validator=ge(1))
    top: int = attrs.field(default=100, validator=ge(1))
    pool: int = attrs.field(default=10_000, validator=ge(1))


@attrs.frozen(kw_only=True)
class BayesConfig(EvolutionConfig):
    """Settings of ``bayes``; those of evolution are for the pool of candidates.

    Attributes:
        start: Random networks at first; a fifth of small budgets.
        batch: Networks that are measured between two fits.
        pool: Candidates whose expected improvement is computed; an evolution on hopeful predictions
            finds them.
        hope: Standard deviations by which these predictions are better than expected.
    """

    start: int = attrs.field(default=20, validator=ge(4))
    batch: int = attrs.field(default=5, validator=ge(1))
    pool: int = attrs.field(default=2_000, validator=ge(1))
    hope: float = attrs.field(default=1.0, validator=ge(0.0))


@attrs.frozen(kw_only=True)
class LinasPlusConfig(EvolutionConfig):
    """Settings of ``linas_plus``; those of evolution are for the pool of candidates.

    Attributes:
        start: Random networks at first; a fifth of small budgets.
        batch: Networks that are measured between two fits.
        pool: Candidates whose worth is predicted in each loop; small spaces as a whole.
        generations: Rounds of evolution that the candidates come from.
    """

    start: int = attrs.field(default=12, validator=ge(4))
    batch: int = attrs.field(default=2, validator=ge(1))
    pool: int = attrs.field(default=4_000, validator=ge(1))
    generations: int = attrs.field(default=12, validator=ge(1))

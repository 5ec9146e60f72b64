"""Settings of strategies that other libraries lead."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, le, min_len

from instatune_plugins.strategies.draw_config import DrawConfig


@attrs.frozen(kw_only=True)
class CmaesConfig(DrawConfig):
    """Settings of ``cmaes``.

    Attributes:
        start: Random networks at first, whose best is the first mean; a fifth of small budgets.
        sigma: First standard deviation, as a part of the range of a gene.
    """

    start: int = attrs.field(default=10, validator=ge(1))
    sigma: float = attrs.field(default=0.3, validator=[gt(0.0), le(1.0)])


@attrs.frozen(kw_only=True)
class NevergradConfig(DrawConfig):
    """Settings of ``nevergrad``. It makes its own start; ``over`` is for when it finds nothing new.

    Attributes:
        optimizer: Name of an optimizer of nevergrad's registry: ``"NGOpt"`` chooses one by the size
            of the problem; ``"TwoPointsDE"``, ``"DiscreteOnePlusOne"``, ``"PSO"``, ``"CMA"``, ...
        batch: Networks that are measured together.
    """

    optimizer: str = attrs.field(default="NGOpt", validator=min_len(1))
    batch: int = attrs.field(default=1, validator=ge(1))


@attrs.frozen(kw_only=True)
class TpeConfig(DrawConfig):
    """Settings of ``tpe``.

    Attributes:
        start: Random networks at first; a fifth of small budgets.
        candidates: Draws of which the most promising one is measured.
        multivariate: Learn which choices go together, not only which are good by themselves.
    """

    start: int = attrs.field(default=10, validator=ge(1))
    candidates: int = attrs.field(default=24, validator=ge(1))
    multivariate: bool = True

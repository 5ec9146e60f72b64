"""Settings of the strategy that makes the space smaller before it searches."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import gt, le, lt

from instatune_plugins.strategies._offered import installed, offered
from instatune_plugins.strategies.draw_config import DrawConfig

_share = [gt(0.0), lt(1.0)]


@attrs.frozen(kw_only=True)
class ShrinkingConfig(DrawConfig):
    """Settings of ``shrinking``.

    Attributes:
        strategy: Which one searches the smaller space. If it needs a predictor, that is
            ``search.predictor`` as usual.
        settings: Settings of that strategy; ``over`` and ``seeds`` are taken from here.
        scout: Which one, at its defaults, spends the first part of the budget on the full space.
        share: Part of the budget after which the space is made smaller; networks of an initial
            design count.
        by: ``popdb`` drops values that the good networks hardly ever have, ``trees`` those that
            boosted trees blame for bad ones.
        good: For ``popdb``: part of the measured networks that counts as good.
        drop: For ``trees``: part of all values that is dropped at most.
    """

    strategy: str = "nsga2"
    settings: dict[str, Any] = attrs.field(factory=dict)
    scout: str = "nsga2"
    share: float = attrs.field(default=0.4, validator=_share)
    by: Literal["popdb", "trees"] = "popdb"
    good: float = attrs.field(default=0.5, validator=[gt(0.0), le(1.0)])
    drop: float = attrs.field(default=0.25, validator=_share)

    def __attrs_post_init__(self) -> None:
        """Refuse strategies that are not there, and settings that they do not have."""
        known = installed()
        offered(known, "strategy", self.strategy, self.settings)
        offered(known, "scout", self.scout, {})

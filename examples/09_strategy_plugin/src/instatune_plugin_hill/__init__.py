"""The search strategy hill."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs.validators import ge

from instatune.plugin import hookimpl
from instatune.plugin.entries import StrategyEntry


@attrs.frozen(kw_only=True)
class HillConfig:
    """Settings of ``hill``.

    Attributes:
        start: Networks to know before the climb begins.
    """

    start: int = attrs.field(default=10, validator=ge(1))


@hookimpl
def instatune_strategies() -> Iterator[StrategyEntry]:
    """Offer ``hill``."""
    yield StrategyEntry(
        name="hill",
        target="instatune_plugin_hill.hill:Hill",
        config=HillConfig,
        summary="changes one gene of a network that nothing beats so far",
    )

"""Which heads and neurons come first: they are the ones that small sub-networks keep."""

from __future__ import annotations

from collections.abc import Iterator

from instatune.plugin import hookimpl
from instatune.plugin.entries import OrderingEntry


@hookimpl
def instatune_orderings() -> Iterator[OrderingEntry]:
    """Offer the order of the checkpoint, weight magnitude, and gate gradients."""
    yield OrderingEntry(
        name="none",
        target="instatune_plugins.orderings.none:Unordered",
        summary="order of the checkpoint, as in the InstaTune paper",
    )
    yield OrderingEntry(
        name="l1",
        target="instatune_plugins.orderings.l1:L1",
        summary="L1 norm of the weights that read a unit (Once-for-All)",
    )
    yield OrderingEntry(
        name="taylor",
        target="instatune_plugins.orderings.taylor:Taylor",
        needs_gradients=True,
        summary="change of the loss when a unit is gated, to first order (Michel et al.)",
    )

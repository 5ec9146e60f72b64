"""Proxies: cheap stand-ins for accuracy that need no labels.

A sub-network that answers as the full network does is likely to be about as accurate. Both proxies
run a few batches of the bench through the super-network's largest and through each candidate:

* ``agreement``: share of examples on which both give the same class (more is better);
* ``divergence``: mean KL(full network ‖ sub-network), in nats (less is better). It still tells
  candidates apart where all of them agree.

A proxy ranks within one super-network; it is no accuracy and says nothing about the full network.

Status: experimental; names and settings may change. Owner: the instatune authors.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs.validators import ge

from instatune.plugin import hookimpl
from instatune.plugin.entries import ObjectiveEntry


@attrs.frozen(kw_only=True)
class ProxyConfig:
    """Settings of both proxies.

    Attributes:
        batches: How many batches of the split to run, counted from its start.
    """

    batches: int = attrs.field(default=4, validator=ge(1))


@hookimpl
def instatune_objectives() -> Iterator[ObjectiveEntry]:
    """Offer agreement and divergence."""
    yield ObjectiveEntry(
        name="agreement",
        target="instatune_contrib.proxies.agreement:Agreement",
        config=ProxyConfig,
        goal="max",
        cost="dataset",
        label="agreement with the full network",
        stability="experimental",
        summary="share of unlabelled examples classified as the full network does",
    )
    yield ObjectiveEntry(
        name="divergence",
        target="instatune_contrib.proxies.divergence:Divergence",
        config=ProxyConfig,
        goal="min",
        unit="nats",
        cost="dataset",
        label="divergence from the full network",
        stability="experimental",
        summary="KL(full network || sub-network) on unlabelled examples",
    )

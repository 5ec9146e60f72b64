"""The tiny sub-network with integer weights, made by a quantizer that is installed. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from unittest import mock

import attrs

from instatune.errors import PluginError
from instatune.interfaces import Batch, Network, Quantizer
from instatune.plugin.entries import QuantizerEntry
from instatune.plugin.manager import discover
from instatune.plugin.registry import Offer, load_target
from instatune.testing import tiny

BITS = 8


def network() -> Network:
    """The tiny sub-network with all modules of it in 8 bits that can be.

    Raises:
        PluginError: No quantizer for 8 bits is installed.
    """
    offer = _offer()
    config = offer.entry.config
    kind = cast("type[Quantizer]", load_target(offer, Quantizer))
    quantizer, whole = kind(config() if config else None), tiny.network()
    ranges = quantizer.observe(whole.model, whole.adapter.logits, tiny.batches())
    left = quantizer.unsupported(whole.model, dict.fromkeys(ranges, BITS), ranges)
    policy = {name: BITS for name in ranges if name not in left}
    return attrs.evolve(
        whole,
        policy=policy,
        quantized=quantizer.quantize(whole.model, policy, ranges).eval(),
        quantizer_name=f"{offer.entry.name}@{offer.distribution}",
        quantizer_settings=attrs.asdict(config()) if config else {},
        example=example(),
        calibration=tiny.batches(),
    )


def example() -> Batch:
    """Two labelled examples to trace with."""
    return {name: tensor[:2] for name, tensor in tiny.batches()[0].items()}


@contextmanager
def tiny_is_installed() -> Iterator[None]:
    """Let networks with the tiny adapter be loaded as by their users, who name no plugins."""
    found = discover()
    adapters = tiny.plugins()["adapters"]
    plugins = attrs.evolve(found, registries={**found.registries, "adapters": adapters})
    with mock.patch("instatune.plugin.manager.discover", return_value=plugins):
        yield


def _offer() -> Offer[QuantizerEntry]:
    for offer in discover()["quantizers"].offers():
        entry = cast("QuantizerEntry", offer.entry)
        if entry.simulates and BITS in entry.bits:
            return cast("Offer[QuantizerEntry]", offer)
    raise PluginError(f"no quantizer for {BITS} bits is installed; install instatune with its own")

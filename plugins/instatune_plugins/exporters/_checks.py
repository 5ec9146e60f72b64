"""Networks that a format is not for."""

from __future__ import annotations

from torch import nn

from instatune.errors import PluginError
from instatune.interfaces import Network
from instatune_plugins.exporters._tracing import title


def full_only(network: Network, exporter: str, instead: str) -> None:
    """Refuse a network that is to be deployed with fewer bits.

    Raises:
        PluginError: It has a policy.
    """
    if network.policy:
        raise PluginError(
            f"exporter {exporter!r} writes full precision, but {title(network)} has "
            f"{len(network.policy)} modules of fewer bits; use {instead!r}"
        )


def quantized_only(network: Network, exporter: str, instead: str) -> nn.Module:
    """Give the quantized form of a network.

    Raises:
        PluginError: It has none.
    """
    if not network.policy or network.quantized is None:
        raise PluginError(
            f"exporter {exporter!r} writes quantized networks, but {title(network)} is in full "
            f"precision; use {instead!r}"
        )
    return network.quantized

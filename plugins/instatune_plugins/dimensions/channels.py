"""Elastic channels: how many each residual block of a convolutional network keeps inside."""

from __future__ import annotations

from instatune_plugins.dimensions._width import Width


class Channels(Width):
    """Genes ``channels.layer1.0``, ``channels.layer1.1``, ... or one gene ``channels``."""

    kind = "channels"
    noun = "channels"

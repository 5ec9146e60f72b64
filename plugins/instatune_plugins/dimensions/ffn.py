"""Elastic feed-forward networks: how many hidden neurons each layer keeps."""

from __future__ import annotations

from instatune_plugins.dimensions._width import Width


class FeedForward(Width):
    """Genes ``ffn.0``, ``ffn.1``, ... or one gene ``ffn``."""

    kind = "ffn"
    noun = "FFN neurons"

"""Elastic heads: how many attention heads each layer keeps."""

from __future__ import annotations

from instatune_plugins.dimensions._width import Width


class Heads(Width):
    """Genes ``heads.0``, ``heads.1``, ... or one gene ``heads``."""

    kind = "heads"
    noun = "heads"

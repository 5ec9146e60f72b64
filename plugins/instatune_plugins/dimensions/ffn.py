"""Elastic feed-forward networks: how many hidden neurons each layer keeps.

With 0 neurons a layer skips its feed-forward network, as in Sridhar and Sarah, "Undivided
Attention: Are Intermediate Layers Necessary for BERT?", 2020 (arXiv 2012.11881). What remains of it
is the bias of its output; LLaMA and its kin have none, so nothing remains.
"""

from __future__ import annotations

from instatune_plugins.dimensions._width import Width


class FeedForward(Width):
    """Genes ``ffn.0``, ``ffn.1``, ... or one gene ``ffn``."""

    kind = "ffn"
    noun = "FFN neurons"
    why_not_none = "; 0 is for models without a norm inside of the FFN"

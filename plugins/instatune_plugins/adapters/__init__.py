"""Families of models."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from instatune.plugin import hookimpl
from instatune.plugin.entries import AdapterEntry


@attrs.frozen(kw_only=True)
class BertAdapterConfig:
    """Settings of ``bert``.

    Attributes:
        revision: Branch, tag or commit of a model on the hub.
    """

    revision: str = "main"


@hookimpl
def instatune_adapters() -> Iterator[AdapterEntry]:
    """Offer the adapters of this package."""
    yield AdapterEntry(
        name="bert",
        target="instatune_plugins.adapters.bert:Bert",
        config=BertAdapterConfig,
        model_types=("bert",),
        outline="instatune_plugins.adapters.bert_outline:outline",
        summary="BERT encoders (bert-base, MiniLM, ...) with a sequence classification head",
    )

"""Formats for deployable sub-networks."""

from __future__ import annotations

from collections.abc import Iterator

from instatune.plugin import hookimpl
from instatune.plugin.entries import ExporterEntry


@hookimpl
def instatune_exporters() -> Iterator[ExporterEntry]:
    """Offer the exporters of this package."""
    yield ExporterEntry(
        name="folder",
        target="instatune_plugins.exporters.folder:Folder",
        loadable=True,
        summary="safetensors, configuration and tokenizer in a folder that instatune.load reads",
    )

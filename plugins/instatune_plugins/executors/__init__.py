"""Where evaluations run."""

from __future__ import annotations

from collections.abc import Iterator

from instatune.plugin import hookimpl
from instatune.plugin.entries import ExecutorEntry


@hookimpl
def instatune_executors() -> Iterator[ExecutorEntry]:
    """Offer the process of the run itself."""
    yield ExecutorEntry(
        name="local",
        target="instatune_plugins.executors.local:Local",
        summary="in the process of the run, one after the other",
    )

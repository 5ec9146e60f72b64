"""The tables of a task: from files, or from a dataset of a hub."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from instatune_plugins.tasks.files import Layout, read_table
from instatune_plugins.tasks.table import Table


def read_tables(
    config: Any, read: Callable[[str, str], Table] | None = None, *, lists: bool = False
) -> dict[str, Table]:
    """Read what the settings name, by split; ``search`` is left out where it is to be carved.

    Args:
        config: Settings with ``train``, ``search``, ``test`` and ``dataset``, as those of
            ``text_classification``.
        read: Reads a file, given its path and the setting that names it; None: a table as the
            settings describe it.
        lists: Whether columns of a dataset may hold lists.

    Raises:
        DataError: A table is missing, empty or damaged.
    """
    if config.dataset is not None:
        from instatune_plugins.tasks.hub import read_splits

        train, search, test = read_splits(config, lists=lists)
        found = {"train": train, "search": search, "test": test}
        return {split: table for split, table in found.items() if table is not None}
    if read is None:
        layout = Layout(format=config.format, quoting=config.quoting, columns=config.columns)
        read = partial(_table, layout)
    paths = {"train": config.train, "search": config.search, "test": config.test}
    return {split: read(path, f"task.{split}") for split, path in paths.items() if path is not None}


def _table(layout: Layout, path: str, setting: str) -> Table:
    return read_table(path, layout, setting)

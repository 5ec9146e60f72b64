"""A table of named columns whose rows know where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Table:
    """Rows of a file or of a split of a dataset.

    Attributes:
        source: File or dataset, for messages.
        columns: Values of each column, all of one length.
        lines: Line of each row in the file; None where rows are counted from 0 instead.
        names: Names of classes by column, where the source knows them; values are then indices.
        setting: The setting that says where the table is, for messages.
    """

    source: str
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int] | None = None
    names: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    setting: str = ""

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()), ()))

    def place(self, row: int) -> str:
        """Say where a row is: ``file:line``."""
        return f"{self.source}:{self.lines[row]}" if self.lines else f"{self.source}: row {row}"

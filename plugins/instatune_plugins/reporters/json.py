"""``json``: the whole summary for programs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from instatune.files import write_json
from instatune.interfaces import Reporter, Summary


class Json(Reporter):
    """Writes ``summary.json``: the fields of the summary, numbers in full precision."""

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """Write the file."""
        path = self.run_dir / self.config.folder / "summary.json"
        return (write_json(path, plain(summary.as_dict())),)


def plain(data: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinities become null, tuples lists."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    return data

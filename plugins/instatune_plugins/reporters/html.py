"""``html``: the report as one page."""

from __future__ import annotations

from pathlib import Path

from instatune.files import write_text
from instatune.interfaces import Reporter, Summary
from instatune.interfaces.comparison import Comparison
from instatune.report import comparison as contests
from instatune.report import page


class Html(Reporter):
    """Writes ``index.html``: everything inside, no network needed."""

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """Write the page."""
        return (write_text(self.run_dir / self.config.folder / "index.html", page(summary)),)

    def compared(self, comparison: Comparison) -> tuple[Path, ...]:
        """Write the page of a comparison."""
        path = self.run_dir / self.config.folder / "index.html"
        return (write_text(path, contests.page(comparison)),)

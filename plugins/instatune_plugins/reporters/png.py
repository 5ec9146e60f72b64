"""``png``: pictures of the front, the hypervolume and the training, for slides and papers.

Drawn with matplotlib's object interface on the Agg canvas: no display, no global state.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from instatune.files import replacing
from instatune.interfaces import Reporter, Summary
from instatune.interfaces.comparison import Comparison
from instatune.report import findings
from instatune.report.lines import curve_chart, hypervolume_chart
from instatune.report.pareto import pareto
from instatune_plugins.reporters.drawing import draw_lines, draw_pareto


class Png(Reporter):
    """Writes ``pareto.png``, ``hypervolume.png`` and ``curves.png``, as far as there are data."""

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """Draw and write the pictures; further costs get ``pareto_NAME.png``."""
        found = findings(summary)
        pictures: dict[str, Figure] = {}
        for index, cost in enumerate(found.costs):
            view = pareto(summary, found, cost)
            if view is not None:
                pictures["pareto.png" if index == 0 else f"pareto_{cost.name}.png"] = draw_pareto(
                    view
                )
        for name, lines in (
            ("hypervolume.png", hypervolume_chart(summary)),
            ("curves.png", curve_chart(summary, found)),
        ):
            if lines is not None:
                pictures[name] = draw_lines(lines)
        return tuple(self._save(name, picture) for name, picture in pictures.items())

    def compared(self, comparison: Comparison) -> tuple[Path, ...]:
        """Draw and write the pictures of a comparison."""
        from instatune.report.comparison import charts, contest
        from instatune_plugins.reporters.contest_drawing import draw_bands, draw_fronts

        found = contest(comparison)
        pictures: dict[str, Figure] = {}
        for name, view in (
            ("hypervolume.png", charts.by_evaluations(found)),
            ("time.png", charts.by_time(found)),
        ):
            if view is not None:
                pictures[name] = draw_bands(view)
        for name, surfaces in (
            ("fronts.png", charts.fronts(found)),
            ("gaps.png", charts.gaps(found)),
        ):
            if surfaces is not None:
                pictures[name] = draw_fronts(surfaces)
        return tuple(self._save(name, picture) for name, picture in pictures.items())

    def _save(self, name: str, picture: Figure) -> Path:
        path: Path = self.run_dir / self.config.folder / name
        with replacing(path) as temporary:
            picture.set_dpi(self.config.dpi)
            FigureCanvasAgg(picture).print_png(str(temporary), metadata={"Software": "instatune"})
        return path

"""Receivers of events and results: the console, the HTML page, pictures, tables, JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Literal

import attrs
from attrs.validators import ge, gt, le

from instatune.plugin import hookimpl
from instatune.plugin.entries import ReporterEntry


def _inside(config: Any, attribute: attrs.Attribute[str], value: str) -> None:
    path = PurePosixPath(value.replace("\\", "/"))
    if not value or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(
            f"{attribute.name} {value!r} must be a folder inside the run folder, like 'report'"
        )


@attrs.frozen(kw_only=True)
class FolderConfig:
    """Settings of reporters that write files.

    Attributes:
        folder: Where to, inside the run folder.
    """

    folder: str = attrs.field(default="report", validator=_inside)


@attrs.frozen(kw_only=True)
class PngConfig(FolderConfig):
    """Settings of ``png``.

    Attributes:
        dpi: Pixels per inch; pictures are 7.5 inches wide.
    """

    dpi: int = attrs.field(default=200, validator=[ge(50), le(1200)])


@attrs.frozen(kw_only=True)
class ConsoleConfig:
    """Settings of ``console``.

    Attributes:
        progress: Bars for people at a terminal, lines for log files; ``auto`` looks at stderr.
        interval_s: Least time between two lines of one task.
        table: Whether to print the table of results at the end.
    """

    progress: Literal["auto", "bar", "lines", "off"] = "auto"
    interval_s: float = attrs.field(default=10.0, validator=gt(0.0))
    table: bool = True


@hookimpl
def instatune_reporters() -> Iterator[ReporterEntry]:
    """Offer the first-party reporters."""
    here = "instatune_plugins.reporters"
    yield ReporterEntry(
        name="console",
        target=f"{here}.console:Console",
        config=ConsoleConfig,
        summary="progress with time left on stderr, results on stdout",
    )
    yield ReporterEntry(
        name="html",
        target=f"{here}.html:Html",
        config=FolderConfig,
        summary="one self-contained page: report/index.html",
    )
    yield ReporterEntry(
        name="png",
        target=f"{here}.png:Png",
        config=PngConfig,
        summary="pictures of the front, the hypervolume and the training",
    )
    yield ReporterEntry(
        name="csv",
        target=f"{here}.csv:Csv",
        config=FolderConfig,
        summary="tables of networks, evaluations and hypervolume in full precision",
    )
    yield ReporterEntry(
        name="json",
        target=f"{here}.json:Json",
        config=FolderConfig,
        summary="the whole result for programs: report/summary.json",
    )

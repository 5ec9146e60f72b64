"""What was exported and run, as cells: size, accuracy and speed as a user will find them.

The form is that of InstaTune's Figure 5 (arXiv 2308.15609): the network in full precision, the
fully quantized one, and those that were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from instatune.interfaces import Artefact, Row, Summary
from instatune.report.numbers import NOT_KNOWN, Format, percent
from instatune.space.search_space import FULL_BITS

_POINTS = Format(factor=100.0, digits=1)
_MEGABYTES = Format(factor=1e-6, digits=2)
_MILLISECONDS = Format(factor=1e3, digits=1)
_TIMES = Format(digits=2)


@attrs.frozen(kw_only=True)
class Figure:
    """A number of the table.

    Attributes:
        text: As people read it.
        value: The number itself; None for none.
    """

    text: str
    value: float | None = None


@attrs.frozen(kw_only=True)
class Deployed:
    """One artefact of one network.

    Attributes:
        row: The network.
        artefact: What was run.
        figures: One for each of :attr:`DeployedTable.heads`.
    """

    row: Row
    artefact: Artefact
    figures: tuple[Figure, ...]


@attrs.frozen(kw_only=True)
class DeployedTable:
    """All artefacts.

    Attributes:
        heads: Name and meaning of each column of figures.
        lines: Those of the baselines first.
    """

    heads: tuple[tuple[str, str], ...]
    lines: tuple[Deployed, ...]


def deployed(summary: Summary) -> DeployedTable | None:
    """Lay out what was run; None where nothing was."""
    pairs = list(_artefacts(summary))
    if not pairs:
        return None
    sizes = tuple(dict.fromkeys(size for _, artefact in pairs for size in artefact.seconds))
    base = _bases(pairs)
    plain = _plain_accuracy(summary)
    return DeployedTable(
        heads=_heads(sizes),
        lines=tuple(
            Deployed(row=row, artefact=found, figures=_figures(found, base, plain, sizes))
            for row, found in pairs
        ),
    )


def bits_in_words(bits: Mapping[str, int], tables: tuple[str, ...]) -> str:
    """Say how many modules have how many bits, e.g. ``"30 × 8, 8 × 32, embeddings 8"``."""
    counted = Counter(count for module, count in bits.items() if module not in tables)
    looked_up = sorted({count for module, count in bits.items() if module in tables})
    parts = [f"{number} × {count}" for count, number in sorted(counted.items())]
    if looked_up:
        parts.append(f"embeddings {' and '.join(map(str, looked_up))}")
    return ", ".join(parts) or NOT_KNOWN


def _artefacts(summary: Summary) -> Iterator[tuple[Row, Artefact]]:
    """Baselines first; a network that is a baseline and on the front, too, stands once."""
    found = {row.key for row in summary.front}
    baselines = (row for row in summary.baselines if row.key not in found)
    for row in (*baselines, *summary.front):
        for artefact in row.artefacts:
            yield row, artefact


def quickest(table: DeployedTable) -> tuple[Deployed, ...]:
    """Of each network the artefact that is fastest with the largest batch, or the first one."""
    best: dict[str, Deployed] = {}
    for line in table.lines:
        known = best.get(line.row.key)
        if not line.artefact.problem and (known is None or _slowness(line) < _slowness(known)):
            best[line.row.key] = line
    return tuple(best.values())


def _slowness(line: Deployed) -> float:
    times = line.artefact.seconds
    return times[max(times, key=int)].value if times else 0.0


def _bases(pairs: list[tuple[Row, Artefact]]) -> dict[str, Artefact]:
    """By runtime the largest network in full precision, as what others are compared with."""
    bases: dict[str, Artefact] = {}
    for row, artefact in pairs:
        full = all(count == FULL_BITS for count in row.bits.values())
        if full and not artefact.problem:
            known = bases.get(artefact.runtime)
            if known is None or artefact.bytes > known.bytes:
                bases[artefact.runtime] = artefact
    return bases


def _plain_accuracy(summary: Summary) -> float | None:
    """Test accuracy of the plainly fine-tuned model by the score of the task."""
    for row in summary.baselines:
        if row.role == "plain" and "accuracy" in row.test:
            return row.test["accuracy"].value
    return None


def _heads(sizes: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    timed = [
        pair
        for size in sizes
        for pair in (
            (f"ms at {size}", f"median time of a batch of {size}, in milliseconds"),
            ("faster", "than the largest network in full precision in the same runtime"),
        )
    ]
    return (
        ("MB", "size of the files that hold the network"),
        ("smaller", "than the largest network in full precision"),
        ("test %", "score of the artefact on the test split"),
        ("δ points", "score minus that of plain fine-tuning"),
        ("agrees", "share of the test examples decided as by the network that was searched"),
        *timed,
    )


def _figures(
    found: Artefact, base: Mapping[str, Artefact], plain: float | None, sizes: tuple[str, ...]
) -> tuple[Figure, ...]:
    most = max((artefact.bytes for artefact in base.values()), default=0)
    gain = None if plain is None else found.accuracy.value - plain
    figures = [
        Figure(text=_MEGABYTES(found.bytes), value=found.bytes),
        _ratio(most, found.bytes),
        Figure(text=_POINTS(found.accuracy.value), value=found.accuracy.value),
        Figure(text=_POINTS.change(gain), value=gain),
        Figure(text=percent(found.agreement, 1), value=found.agreement),
    ]
    yardstick = base.get(found.runtime)
    for size in sizes:
        seconds = found.seconds.get(size)
        whole = yardstick.seconds.get(size) if yardstick else None
        value = seconds.value if seconds else None
        figures.append(Figure(text=_MILLISECONDS(value), value=value))
        figures.append(_ratio(whole.value if whole else 0.0, value or 0.0))
    return tuple(figures)


def _ratio(whole: float, part: float) -> Figure:
    if not whole or not part:
        return Figure(text=NOT_KNOWN)
    return Figure(text=f"{_TIMES(whole / part)}×", value=whole / part)

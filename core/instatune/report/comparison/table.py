"""The standings as cells: shared by page, console and CSV."""

from __future__ import annotations

import attrs

from instatune.metrics.statistics import Quartiles
from instatune.report.comparison.contest import Contest, Reach, Standing
from instatune.report.comparison.words import THIRDS, p_text
from instatune.report.numbers import NOT_KNOWN, Format, percent


@attrs.frozen(kw_only=True)
class Column:
    """A column of the standings.

    Attributes:
        group: Neighbours share it.
        head: Short.
        about: In full.
        brief: Group where there is little room; the same unless given.
        rank: Columns of a high rank are left out first where there is little room.
        aside: Belongs to a second table where there is room for two.
    """

    group: str
    head: str
    about: str
    brief: str = attrs.field(default=attrs.Factory(lambda self: self.group, takes_self=True))
    rank: int = 0
    aside: bool = False


@attrs.frozen(kw_only=True)
class Cell:
    """A number.

    Attributes:
        text: As people read it.
        value: The number itself, None for none; the table sorts by it.
        small: A remark in small type, may be empty.
        brief: The same where there is little room, may be empty.
    """

    text: str
    value: float | None
    small: str = ""
    brief: str = ""


@attrs.frozen(kw_only=True)
class Table:
    """The standings: for each strategy its cells."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Standing, tuple[Cell, ...]], ...]


def table(contest: Contest) -> Table:
    """Lay out the standings, the best first."""
    columns, rows = _columns(contest), []
    for standing in contest.standings:
        rows.append((standing, tuple(_cells(contest, standing))))
    return Table(columns=tuple(columns), rows=tuple(rows))


def _columns(contest: Contest) -> list[Column]:
    base = contest.comparison.baseline
    columns = [
        Column(
            group="hypervolume (%)",
            head="tight",
            about="Final share of the reference hypervolume in the tight box: median, quartiles",
        )
    ]
    if contest.has_tight:
        about = "The same in the loose box, which hides differences"
        columns.append(Column(group="hypervolume (%)", head="loose", about=about, rank=2))
    for reach in contest.standings[0].reach if contest.standings else ():
        text = percent(reach.level)
        about = f"Median evaluations to {text} of the reference hypervolume; seeds that get there"
        columns.append(
            Column(group="evaluations to", head=text, about=about, brief="evals to", rank=1)
        )
    columns += [
        Column(
            group=f"against {base}",
            head="gain\u00a0%",
            about="Relative gain of the median in the tight box",
            brief=f"vs {base}",
            rank=2,
        ),
        Column(
            group=f"against {base}",
            head="wins",
            brief=f"vs {base}",
            about=f"Chance that a search ends above one of {base}: A12; p after Holm's correction",
        ),
        Column(
            group="own time",
            head="ms each",
            about="Milliseconds that the strategy itself takes for one evaluation",
            rank=1,
        ),
        Column(
            group="asks",
            head="again\u00a0%",
            about="Networks that it asked for again, of all that it asked for",
            rank=4,
            aside=True,
        ),
    ]
    if any(standing.tau is not None for standing in contest.standings):
        about = "Median Kendall τ of its predictors on networks measured after the prediction"
        columns.append(Column(group="predictor", head="τ", about=about, rank=3, aside=True))
    if any(standing.unseen is not None for standing in contest.standings):
        about = "Hypervolume of the final fronts on data that no strategy sees, in the loose box"
        columns.append(
            Column(group="unseen data", head="hypervolume", about=about, rank=3, aside=True)
        )
    for third in THIRDS if any(standing.thirds for standing in contest.standings) else ():
        about = f"Share of the reference among {third} networks, in the tight box"
        columns.append(Column(group="by cost (%)", head=third, about=about, rank=3, aside=True))
    return columns


def _cells(contest: Contest, standing: Standing) -> list[Cell]:
    cells = [_share(standing.tight)]
    if contest.has_tight:
        cells.append(_share(standing.loose))
    cells += [_reach(reach) for reach in standing.reach]
    duel = contest.against.get(standing.label)
    gain = standing.improvement
    cells.append(Cell(text=Format(factor=100, unit="%", digits=1).change(gain), value=gain))
    if duel is None:
        cells.append(Cell(text=NOT_KNOWN, value=None))
    else:
        cells.append(
            Cell(
                text=percent(duel.effect),
                value=duel.effect,
                small=p_text(duel.adjusted),
                brief="" if duel.sure else "≈",
            )
        )
    own = 1e3 * standing.own_seconds
    cells.append(Cell(text=f"{own:,.{3 if own < 1 else 1 if own < 100 else 0}f}", value=own))
    cells.append(Cell(text=f"{100 * standing.repeated:.1f}", value=standing.repeated))
    if any(other.tau is not None for other in contest.standings):
        cells.append(_number(standing.tau, 2))
    if any(other.unseen is not None for other in contest.standings):
        unseen = standing.unseen
        cells.append(_number(None if unseen is None else float(unseen.median), 4))
    if any(other.thirds for other in contest.standings):
        cells += [_number(100 * third, 1) for third in standing.thirds] or [
            _number(None, 1) for _ in THIRDS
        ]
    return cells


def _share(found: Quartiles) -> Cell:
    median, low, high = (100 * float(value) for value in (found.median, found.low, found.high))
    small = f"{low:.2f}–{high:.2f}"
    return Cell(text=f"{median:.2f}", value=median, small=small, brief=small)


def _reach(reach: Reach) -> Cell:
    some = "" if reach.reached == reach.seeds else f"{reach.reached} of {reach.seeds} seeds"
    brief = some and f"{reach.reached}/{reach.seeds}"
    text = NOT_KNOWN if reach.evaluations is None else f"{reach.evaluations:,.0f}"
    return Cell(text=text, value=reach.evaluations, small=some, brief=brief)


def _number(value: float | None, digits: int) -> Cell:
    return Cell(text=Format(digits=digits)(value), value=value)

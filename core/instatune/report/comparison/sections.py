"""The sections of a comparison's page: charts, standings, duels, how to read it, and details."""

from __future__ import annotations

from itertools import groupby

from instatune.report.comparison import charts
from instatune.report.comparison.contest import Contest, cost_aim
from instatune.report.comparison.race import Race
from instatune.report.comparison.table import Cell, Column, Table, table
from instatune.report.comparison.words import p_text, thing
from instatune.report.markup import Markup, Node, element, join
from instatune.report.numbers import percent
from instatune.report.plots.bands import band_chart, band_swatch
from instatune.report.plots.frame import HALF, NARROW, WIDE
from instatune.report.plots.surfaces import front_chart, truth_swatch
from instatune.report.sections.common import figure, legend, note, scrolling, section


def progress(contest: Contest) -> Markup | None:
    """Draw hypervolume against evaluations."""
    view = charts.by_evaluations(contest)
    if view is None:
        return None
    chart = join(band_chart(view, size) for size in (WIDE, NARROW))
    text = (
        "Lines are medians over the seeds, bands hold the middle half of the searches. The first"
        " evaluations may lie below the chart."
    )
    return section(
        "progress", "How the searches got on", figure(_legend(contest), chart), note(text)
    )


def fronts(contest: Contest) -> Markup | None:
    """Draw what half of the searches of each strategy reach."""
    view = charts.fronts(contest)
    if view is None:
        return None
    chart = join(front_chart(view, size) for size in (WIDE, NARROW))
    text = (
        "Each staircase is reached by at least half of the searches of its strategy. Rings are the"
        " true front."
        if view.truth
        else "Each staircase is reached by at least half of the searches of its strategy."
    )
    extra = [(truth_swatch(), "true front")] if view.truth else []
    return section(
        "fronts", "What half of them find", figure(_legend(contest, extra), chart), note(text)
    )


def gaps(contest: Contest) -> Markup | None:
    """Draw what is missing to the reference front at each cost."""
    view = charts.gaps(contest)
    if view is None:
        return None
    chart = join(front_chart(view, size) for size in (HALF, NARROW))
    of = "the true front" if contest.known else "the best of all searches together"
    cost = contest.comparison.aims[cost_aim(contest.comparison)].label
    text = f"How far the staircases above lie below {of}, at equal {cost}."
    return section("gaps", "What they miss, and where", figure(_legend(contest), chart), note(text))


def time(contest: Contest) -> Markup | None:
    """Draw hypervolume against time."""
    view = charts.by_time(contest)
    if view is None:
        return None
    chart = join(band_chart(view, size) for size in (HALF, NARROW))
    price = max((item.measured_seconds for item in contest.standings), default=0.0)
    text = (
        "Time is what a strategy thinks, and what its networks cost to measure when they were"
        f" measured first: {1e3 * price:.3g} ms each here."
    )
    if price < 0.01:
        text += " Measuring is so cheap that the chart shows the price of thinking alone."
    return section("time", "When time counts", figure(_legend(contest), chart), note(text))


def standings(contest: Contest) -> Markup | None:
    """Write the table."""
    view = table(contest)
    if not view.rows:
        return None
    small = (
        "Hypervolume is the median over the seeds as a share of the "
        f"{thing(contest)}, with quartiles below. A level that half of the seeds or more do not"
        " reach has no median. Wins count pairs of searches; p is that of the Mann-Whitney U test"
        " after Holm's correction over all strategies."
    )
    body = scrolling(_table(contest, view, aside=False), "Standings")
    return section("standings", "The standings", body, note(small))


def more(contest: Contest) -> Markup | None:
    """Write the second table: parts of the front, predictors, unseen data."""
    view = table(contest)
    if not view.rows:
        return None
    texts = []
    if any(standing.thirds for standing in contest.standings):
        cost = contest.comparison.aims[cost_aim(contest.comparison)].label
        texts.append(
            f"By cost: the range of {cost} in three equal parts, and the share of the reference's"
            " hypervolume in each."
        )
    if any(standing.tau is not None for standing in contest.standings):
        texts.append("τ: Kendall's, of predictions that were made before the measurement.")
    if any(standing.unseen is not None for standing in contest.standings):
        texts.append("Unseen data: the final fronts, measured where no strategy looked.")
    body = scrolling(_table(contest, view, aside=True), "More on each strategy")
    return section("more", "More on each strategy", body, note(" ".join(texts)) if texts else None)


def duels(contest: Contest) -> Markup | None:
    """Write who beats whom."""
    labels = [item.label for item in contest.standings]
    if len(labels) < 2:
        return None
    head = element(
        "tr", element("th", "ends above ..."), [element("th", x, scope="col") for x in labels]
    )
    rows = [
        element(
            "tr",
            element("th", row, scope="row"),
            [_duel(contest, row, column) for column in labels],
        )
        for row in labels
    ]
    body = element("table", element("thead", head), element("tbody", rows), class_="duels")
    text = (
        "Share of all pairs of searches in which the strategy of the row ends above that of the"
        " column (A12 of Vargha and Delaney); coloured where the difference is more than chance"
        " (p below 0.05 after Holm's correction over all pairs)."
    )
    return section("duels", "Who beats whom", scrolling(body, "Duels"), note(text))


def reading(contest: Contest) -> Markup:
    """Say what the numbers rest on."""
    remarks = [
        f"All hypervolumes are shares of the {thing(contest)}.",
        f"Tight box: {_box(contest, contest.tight)}."
        + (f" Loose box: {_box(contest, contest.loose)}." if contest.has_tight else ""),
        "All strategies have the same budget of distinct networks. What one search paid another"
        " gets free, but it counts as an evaluation of both.",
        "Own time is that of one machine, with whatever else ran on it: compare orders of"
        " magnitude.",
        "One benchmark is one benchmark: the order may be another one in another space.",
    ]
    if len(contest.comparison.seeds) < 5:
        remarks.append("Fewer than five seeds: no test can tell strategies apart.")
    return section(
        "reading", "How to read this", element("ul", [element("li", x) for x in remarks])
    )


def details(contest: Contest) -> Markup:
    """Give all settings, to repeat the comparison."""
    comparison = contest.comparison
    who = [
        element(
            "tr",
            element("th", item.label, scope="row"),
            element("td", item.strategy),
            element("td", item.predictor),
            element("td", ", ".join(f"{k} {v}" for k, v in item.settings.items())),
            element("td", item.origin),
        )
        for item in comparison.contestants
    ]
    names = ("label", "strategy", "predictor", "settings", "from")
    head = element("tr", [element("th", name, scope="col") for name in names])
    environment = [
        element("tr", element("th", name, scope="row"), element("td", text))
        for name, text in comparison.environment.items()
    ]
    return section(
        "details",
        "Details",
        _folded(
            "Who took part",
            scrolling(
                element("table", element("thead", head), element("tbody", who)), "Who took part"
            ),
        ),
        _folded(
            "The comparison, all settings written out",
            element("pre", element("code", comparison.spec), class_="copy"),
        ),
        _folded(
            "Versions and machine",
            element("table", element("tbody", environment), class_="environment"),
        ),
    )


def _folded(title: str, content: Node) -> Markup:
    return element("details", element("summary", title), content)


def _legend(contest: Contest, extra: list[tuple[Markup, str]] | None = None) -> Markup:
    numbers = charts.styles(contest)
    items = [(band_swatch(numbers[item.label]), item.label) for item in contest.standings]
    return legend([*items, *(extra or [])])


def _head(columns: tuple[Column, ...]) -> Markup:
    groups = [(name, len(list(members))) for name, members in groupby(columns, lambda c: c.group)]
    top = [element("th", element("span", name), colspan=n, scope="colgroup") for name, n in groups]
    heads = [
        element("th", column.head, scope="col", title=column.about, class_="number", data_sort=True)
        for column in columns
    ]
    first = element("th", "strategy", rowspan=2, scope="col")
    return element("thead", element("tr", first, top), element("tr", heads))


def _table(contest: Contest, view: Table, *, aside: bool) -> Markup:
    """One of the two tables."""
    shown = [index for index, column in enumerate(view.columns) if column.aside == aside]
    numbers = charts.styles(contest)
    rows = [
        element(
            "tr",
            element("th", band_swatch(numbers[item.label]), " ", item.label, scope="row"),
            [_cell(cells[index]) for index in shown],
            data_net=item.label,
        )
        for item, cells in view.rows
    ]
    head = _head(tuple(view.columns[index] for index in shown))
    return element("table", head, element("tbody", rows), class_="results standings")


def _cell(cell: Cell) -> Markup:
    small = element("small", cell.small) if cell.small else None
    value = None if cell.value is None else repr(float(cell.value))
    text = element("span", cell.text, class_="value")
    return element("td", text, small, class_="number", data_value=value)


def _duel(contest: Contest, row: str, column: str) -> Markup:
    if row == column:
        return element("td", "·", class_="self")
    duel = contest.duel(row, column)
    kind = ("won" if duel.effect > 0.5 else "lost") if duel.sure else None
    small = element("small", p_text(duel.adjusted))
    return element("td", percent(duel.effect), small, class_=kind)


def _box(contest: Contest, race: Race) -> str:
    """The box for people: where the reference point lies, in the units of the aims."""
    parts = []
    box, forms = race.box, charts.formats(contest.comparison)
    whole = zip(contest.comparison.aims, box.bounds, box.reference, forms, strict=True)
    for aim, (low, high), corner, form in whole:
        sign = -1.0 if aim.goal == "max" else 1.0
        point = sign * (low + corner * (high - low))
        parts.append(f"{aim.label} from {form.with_unit(point)} to {form.with_unit(sign * low)}")
    return ", ".join(parts)

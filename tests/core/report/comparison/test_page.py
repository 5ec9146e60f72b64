from __future__ import annotations

import re

import numpy as np
import pytest

from instatune.interfaces import AimInfo
from instatune.report.comparison import page

HOSTILE = """"><script>alert('x')</script><img src=x onerror=alert(1)> & $x$ \x00\x1b[2J"""


@pytest.fixture(scope="module")
def compared(made):
    return made.race({"base": [0.5, 0.6, 0.8], "good": [0.4, 0.9, 0.96], "fair": [0.6, 0.7, 0.9]})


@pytest.fixture(scope="module")
def document(compared, reading):
    return reading.read(page(compared))


def test_the_page_is_one_file_that_fetches_nothing(compared):
    text = page(compared)
    assert not re.search(r"""(src|href)\s*=|@import|url\(""", text)
    assert "default-src &#x27;none&#x27;" in text


def test_the_first_words_say_who_wins_by_how_much_and_where_not(document):
    header = document.find("header")[0].text
    assert document.find("h1")[0].text.startswith("good wins: 96.0")
    assert "What base has at the end" in header
    assert "That is more than chance." in header
    assert "Where good is not the best" in header
    assert "In the first 1" not in header  # one evaluation is no stretch


def test_every_section_is_there_with_a_heading(document):
    titles = [node.text for node in document.find("h2")]
    assert titles == [
        "Where good is not the best",
        "How the searches got on",
        "The standings",
        "What half of them find",
        "What they miss, and where",
        "When time counts",
        "Who beats whom",
        "More on each strategy",
        "How to read this",
        "Details",
    ]


def test_the_table_has_a_row_for_each_strategy_best_first(document):
    table = document.find("table", class_="standings")[0]
    assert [row.find("th")[0].text.strip() for row in table.find("tbody")[0].find("tr")] == [
        "good",
        "fair",
        "base",
    ]
    first = table.find("tbody")[0].find("tr")[0].find("td")
    assert float(first[0].attributes["data-value"]) == pytest.approx(96, abs=0.2)


def test_the_matrix_of_duels_is_square_and_coloured_where_sure(document):
    table = document.find("table", class_="duels")[0]
    rows = table.find("tbody")[0].find("tr")
    assert len(rows) == len(rows[0].find("td")) == 3
    assert [cell.attributes.get("class") for cell in rows[0].find("td")] == ["self", "won", "won"]
    assert [cell.attributes.get("class") for cell in rows[2].find("td")] == ["lost", "lost", "self"]


def test_charts_have_a_line_for_each_strategy_inside_of_the_frame(document):
    charts = document.find("svg", role="img")
    assert len(charts) == 8  # four charts, each for wide and for narrow screens
    for chart in charts:
        width, height = map(float, chart.attributes["viewbox"].split()[2:])
        assert len(chart.find("g", class_="curve")) == 3
        for group in chart.find("g", class_="curve"):
            for line in group.find("path"):
                numbers = list(map(float, re.findall(r"-?\d+\.?\d*", line.attributes["d"])))
                assert min(numbers) >= 0
                assert max(numbers) <= max(width, height)


def test_all_text_is_escaped(made, reading):
    trials = [
        made.trial(HOSTILE, 0, [(-0.5, 5.0), (-0.6, 6.0)]),
        made.trial("b", 0, [(-0.4, 5.0), (-0.7, 6.0)], skipped_initial=True),
        made.failed("b", 1, error=HOSTILE, blame=HOSTILE),
    ]
    aims = (
        AimInfo(name="accuracy", label=HOSTILE, unit=HOSTILE, goal="max", exact=False),
        AimInfo(name="macs", label=HOSTILE, unit="", goal="min", exact=True),
    )
    text = page(
        made.comparison(
            trials,
            title=HOSTILE,
            about=HOSTILE,
            facts={HOSTILE: HOSTILE},
            aims=aims,
            environment={HOSTILE: HOSTILE},
            spec=HOSTILE,
        )
    )
    tree = reading.read(text)
    assert len(tree.find("script")) == 1
    assert not tree.find("img")
    assert "\x00" not in text
    assert "\x1b" not in text


def test_a_page_is_written_even_if_nothing_worked(made, reading):
    tree = reading.read(page(made.comparison([made.failed("a", 0)], budget=5)))
    assert tree.find("h1")[0].text == "Every search failed"
    assert "1 of 1 searches failed" in tree.find("section", id="warnings")[0].text


def test_a_page_of_one_strategy_and_one_seed_is_written(made, reading):
    tree = reading.read(page(made.race({"a": [0.5, 0.6]}, seeds=1)))
    assert not tree.find("table", class_="duels")
    assert "Fewer than five seeds" in tree.find("section", id="reading")[0].text


def test_many_strategies_begin_anew_with_the_styles(made, reading):
    curves = {f"s{i}": [0.5, 0.5 + 0.01 * i] for i in range(11)}
    text = page(made.race(curves, seeds=2, noise=0))
    assert "curve s7" in text
    assert "curve s8" not in text


def test_without_a_true_front_no_rings_are_drawn(made, reading):
    trials = [made.trial("a", s, [(-0.5, 5), (-0.6, 6)]) for s in range(2)]
    tree = reading.read(page(made.comparison(trials)))
    assert not tree.find("g", class_="truth")[0].find("circle")
    assert "best front that all searches found together" in tree.text


def test_infeasible_networks_do_not_break_the_charts(made, reading):
    rows = [(np.inf, np.inf), (-0.5, 5.0), (np.inf, np.inf)]
    trials = [made.trial("a", s, rows) for s in range(2)]
    tree = reading.read(page(made.comparison([*trials, made.trial("b", 0, rows[:1])])))
    assert "inf" not in " ".join(path.attributes.get("d", "") for path in tree.find("path"))

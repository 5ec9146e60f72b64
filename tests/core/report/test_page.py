from __future__ import annotations

import math
import re
from pathlib import Path

import attrs
import pytest

from instatune.interfaces import AimInfo, CurvePoint, Measurement, Row, Trace
from instatune.report import findings, headline, page

HOSTILE = """"><script>alert('x')</script><img src=x onerror=alert(1)> & $x$ \x00\x1b[2J"""


@pytest.fixture(scope="module")
def document(summary, reading):
    return reading.read(page(summary))


def number(text: str) -> float:
    text = text.replace("−", "-").replace("\u00a0", "").replace(",", "").replace("≈", "").strip()
    return float(text.rstrip("%"))


def lines(document):
    return {
        node.attributes["data-net"]: node
        for node in document.find("table", class_="results")[0].find("tr")
        if "data-net" in node.attributes
    }


def test_the_page_is_balanced_and_its_ids_are_unique(document):
    ids = [node.attributes["id"] for node in document.walk() if "id" in node.attributes]

    assert len(ids) == len(set(ids))
    for node in document.walk():
        if "aria-labelledby" in node.attributes:
            assert node.attributes["aria-labelledby"] in ids


def test_sections_come_in_the_order_of_interest(document):
    assert [node.attributes["id"] for node in document.find("section")] == [
        "front", "results", "reading", "hypervolume", "curves", "architectures",
        "exactness", "cost", "loading", "details",
    ]  # fmt: skip


def test_the_headline_is_the_first_heading(document, summary):
    assert document.find("h1")[0].text == headline(summary, findings(summary))


def test_the_page_needs_no_network(summary):
    text = page(summary)

    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link|<iframe|\bsrc=", text)
    assert "default-src &#x27;none&#x27;" in text
    assert "arXiv 2308.15609" in text


def test_the_page_is_complete_without_scripts(document, reading):
    scripts = document.find("script")

    assert len(scripts) == 1
    assert document.find("body")[0].children[-1] is scripts[0]
    assert not [n for n in document.walk() for name in n.attributes if name.startswith("on")]


def test_numbers_in_the_table_are_those_of_the_summary(document, summary):
    plain = summary.baselines[0]
    for row in (*summary.front, *summary.baselines):
        cells = [
            cell.find("span", class_="value")[0].text
            for cell in lines(document)[row.name].find("td", class_="number")
        ]
        test, search, points, macs, saved, params = cells
        assert number(test) == pytest.approx(100 * row.test["accuracy"].value, abs=0.0501)
        assert number(search) == pytest.approx(100 * row.search["accuracy"].value, abs=0.0501)
        assert number(macs) == pytest.approx(row.search["macs"].value / 1e6, abs=0.501)
        assert number(params) == pytest.approx(row.search["params"].value / 1e6, abs=0.0501)
        if row.role != "plain":
            gain = row.test["accuracy"].value - plain.test["accuracy"].value
            change = row.search["macs"].value / plain.search["macs"].value - 1
            assert number(points) == pytest.approx(100 * gain, abs=0.0501)
            assert number(saved) == pytest.approx(100 * change, abs=0.0501)


def test_cells_carry_full_precision_for_sorting(document, summary):
    row = summary.front[0]
    cells = lines(document)[row.name].find("td", class_="number")

    assert float(cells[0].attributes["data-value"]) == row.test["accuracy"].value


def test_baselines_stand_in_a_body_of_their_own(document, summary):
    bodies = document.find("table", class_="results")[0].find("tbody")
    names = [
        [n.attributes["data-net"] for n in body.find("tr") if "data-net" in n.attributes]
        for body in bodies
    ]

    assert names == [[row.name for row in summary.front], [row.name for row in summary.baselines]]


def test_every_network_has_its_marker_in_both_sizes_of_the_plot(document, summary):
    for size in ("wide", "narrow"):
        chart = document.find("section", id="front")[0].find("svg", class_=size)[0]
        marks = [n.attributes["data-net"] for n in chart.walk() if n.attributes.get("data-net")]
        expected = [r.name for r in summary.front] * 2 + [r.name for r in summary.baselines]
        assert sorted(marks) == sorted(expected)


def test_callouts_of_neighbours_do_not_cover_each_other(summary, reading):
    best = summary.front[0]
    near = attrs.evolve(
        best,
        name="neighbour",
        test={"accuracy": attrs.evolve(best.test["accuracy"], value=0.8, std=0.0126)},
        search={**best.search, "macs": Measurement(best.search["macs"].value * 0.97)},
    )
    document = reading.read(page(attrs.evolve(summary, front=(best, near))))

    for chart in document.find("section", id="front")[0].find("svg", class_="chart"):
        (x1, y1), (x2, y2) = [
            (float(text.attributes["x"]), float(text.attributes["y"]))
            for text in chart.find("text", class_="callout")
        ]
        assert abs(x1 - x2) >= 50 or abs(y1 - y2) >= 15


def test_markers_lie_inside_their_chart(document):
    for chart in document.find("svg", class_="chart"):
        width, height = map(float, chart.attributes["viewbox"].split()[2:])
        for circle in chart.find("circle"):
            assert 0 <= float(circle.attributes["cx"]) <= width
            assert 0 <= float(circle.attributes["cy"]) <= height


def test_strips_show_kept_layers_and_hollow_ones(document, summary):
    body = document.find("table", class_="strips")[0].find("tbody")[0]
    strips = {tr.attributes["data-net"]: tr.find("td") for tr in body.find("tr")}
    row = next(row for row in summary.front if row.architecture["depth"] < summary.layers)

    cells = strips[row.name]

    assert len(cells) == summary.layers
    for layer, cell in enumerate(cells):
        if layer in summary.kept[row.key]:
            heads, ffn = (number(bar.text) for bar in cell.find("span", class_="bar"))
            assert heads == row.architecture[f"heads.{layer}"]
            assert ffn == row.architecture[f"ffn.{layer}"]
        else:
            assert cell.attributes["class"] == "dropped"


def test_differences_beyond_the_tolerance_are_called_not_exact(summary, reading):
    broken = attrs.evolve(summary.front[0], exactness={"masked": 3e-3, "extracted": math.nan})
    document = reading.read(page(attrs.evolve(summary, front=(broken,))))

    table = document.find("table", class_="exactness")[0]

    assert len(table.find("span", class_="bad")) == 2
    assert document.find("p", class_="bad")


def test_costs_are_listed_with_their_sum(document, summary):
    table = document.find("table", class_="cost")[0]
    values = {
        tr.find("th")[0].text: float(tr.find("td")[0].attributes["data-value"])
        for tr in table.find("tr")
        if tr.find("td", class_="number")
    }

    assert values.pop("total") == pytest.approx(sum(summary.stage_seconds.values()))
    assert values == summary.stage_seconds


def test_the_code_to_load_a_network_can_be_run(document, summary):
    code = document.find("section", id="loading")[0].find("pre")[0].text
    folder = summary.run_dir / findings(summary).equal.row.folder

    compile(code, "example", "exec")
    assert f'instatune.load("{folder}")' in code


def test_hostile_text_stays_text_everywhere(summary, reading):
    aims = tuple(attrs.evolve(aim, label=HOSTILE + aim.label, unit=HOSTILE) for aim in summary.aims)

    def spoil(row: Row) -> Row:
        return attrs.evolve(
            row, name=HOSTILE + row.name, folder=HOSTILE, role=HOSTILE, exactness={HOSTILE: 1e-6}
        )

    hostile = attrs.evolve(
        summary,
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        aims=aims,
        front=tuple(map(spoil, summary.front)),
        baselines=(summary.baselines[0], *map(spoil, summary.baselines[1:])),
        traces=(Trace(name=HOSTILE, hypervolume=(0.1, 0.2)),),
        reference=HOSTILE,
        curves=(CurvePoint(stage="tune", epoch=1.0, series=HOSTILE, value=0.5),),
        widths={f"{HOSTILE}.0": 12},
        stage_seconds={HOSTILE: 1.0},
        stage_notes={HOSTILE: HOSTILE},
        environment={HOSTILE: HOSTILE},
        spec="</code></pre></details>" + HOSTILE,
        run_dir=Path(HOSTILE.replace("/", "").replace("\x00", "")),
    )

    text = page(hostile)
    document = reading.read(text)

    assert len(document.find("script")) == 1
    assert not document.find("img")
    assert not re.search("[\x00\x1b]", text)
    assert HOSTILE[:20] in document.find("title")[0].text


EDGES = {
    "empty front": {"front": ()},
    "no baselines": {"baselines": ()},
    "nothing at all": {
        "front": (), "baselines": (), "evaluated": (), "random": (), "traces": (), "curves": (),
        "facts": {}, "stage_seconds": {}, "environment": {}, "spec": "", "widths": {}, "layers": 0,
    },
    "no random search": {"random": (), "traces": ()},
    "no curves": {"curves": ()},
    "one curve point": {"curves": (CurvePoint(stage="tune", epoch=0.0, series="x", value=0.1),)},
    "one evaluation": {"evaluated": ({"accuracy": 0.5, "macs": 1e8},), "random": (),
                       "traces": (Trace(name="linas", hypervolume=(0.4,)),)},
    "no extras": {"extras": ()},
    "time is endless": {"stage_seconds": {"teach": math.inf, "tune": math.nan}},
}  # fmt: skip


@pytest.mark.parametrize("change", EDGES.values(), ids=EDGES.keys())
def test_a_page_comes_out_whatever_is_missing(summary, reading, change):
    text = page(attrs.evolve(summary, **change))

    document = reading.read(text)
    assert document.find("h1")[0].text
    assert not re.search(
        r"(?<![a-z])(nan|inf)(?![a-z])",
        re.sub(r"<script>.*</script>|<style>.*?</style>", "", text, flags=re.S)
        .replace('data-value="inf"', "")
        .replace('data-value="nan"', ""),
    )


def test_a_front_of_one_network(summary, reading):
    document = reading.read(page(attrs.evolve(summary, front=summary.front[:1])))

    for chart in document.find("section", id="front")[0].find("svg", class_="chart"):
        group = chart.find("g", class_="test")[0]
        assert len(group.find("circle")) == 1
        assert not group.find("path")


def test_numbers_of_any_size_are_drawn(summary, reading):
    def grow(row: Row) -> Row:
        return attrs.evolve(
            row,
            search={
                k: attrs.evolve(m, value=m.value * 1e200) if k != "accuracy" else m
                for k, m in row.search.items()
            },
        )

    huge = attrs.evolve(
        summary,
        front=tuple(map(grow, summary.front)),
        baselines=tuple(map(grow, summary.baselines)),
        evaluated=tuple({**v, "macs": v["macs"] * 1e200} for v in summary.evaluated),
        random=(),
    )

    text = page(huge)

    assert reading.read(text).find("svg", class_="chart")
    assert max(map(len, re.findall(r"\d+", text.split("</style>")[1].split("<script>")[0]))) < 320


def test_many_evaluations_become_one_path(summary, reading):
    many = tuple(
        {"accuracy": 0.7 + 0.1 * (i % 97) / 97, "macs": 2e8 + i * 1e4} for i in range(20_000)
    )

    text = page(attrs.evolve(summary, evaluated=many))

    assert reading.read(text).find("path", class_="dense")
    assert len(text) < 1_500_000


def test_each_cost_gets_a_plot_of_its_own(summary, reading):
    latency = AimInfo(name="latency", label="latency", unit="ms", goal="min", exact=False)

    def timed(row: Row) -> Row:
        return attrs.evolve(
            row,
            search={**row.search, "latency": Measurement(row.search["macs"].value / 1e8, 0.1, 20)},
        )

    document = reading.read(page(attrs.evolve(
        summary,
        aims=(*summary.aims, latency),
        front=tuple(map(timed, summary.front)),
        baselines=tuple(map(timed, summary.baselines)),
    )))  # fmt: skip

    titles = [
        svg.attributes["aria-label"]
        for svg in document.find("section", id="front")[0].find("svg", class_="wide")
    ]
    assert len(titles) == 2
    assert "latency (ms)" in titles[1]


def test_a_run_without_a_measured_objective_still_has_a_page(summary, reading):
    document = reading.read(page(attrs.evolve(summary, aims=summary.aims[1:])))

    assert "on the front" in document.find("h1")[0].text
    assert not document.find("section", id="front")

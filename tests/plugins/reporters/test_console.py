from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import attrs
import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from instatune.interfaces import Progress
from instatune_plugins.reporters import ConsoleConfig
from instatune_plugins.reporters.bar import Bar
from instatune_plugins.reporters.console import Console, shown
from instatune_plugins.reporters.lines import Lines
from instatune_plugins.reporters.pace import Pace, left_text, rate_text
from instatune_plugins.reporters.results import results


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def step(done: int, total: int = 100, task: str = "epoch 1 of 2", **more) -> Progress:
    return Progress(stage="tune", task=task, done=done, total=total, **more)


@pytest.fixture
def plain():
    """Lines on a text buffer, at a clock that the test turns."""
    clock, out = Clock(), RichConsole(file=io.StringIO(), width=100, highlight=False)
    return Lines(out, 10.0, clock), clock, lambda: out.file.getvalue().splitlines()


# pace


def test_time_left_counts_only_what_this_process_did():
    pace = Pace(900, 0.0)

    pace.update(910, 5.0)

    assert pace.rate == pytest.approx(2.0)
    assert pace.left(step(910, 1000)) == pytest.approx(45.0)


def test_time_left_is_unknown_before_anything_was_done():
    pace = Pace(900, 0.0)
    pace.update(900, 5.0)

    assert pace.left(step(900, 1000)) is None
    assert left_text(pace.left(step(900, 1000))) == ""


def test_the_rate_follows_the_last_while_and_forgets_a_slow_start():
    pace = Pace(0, 0.0)
    for second in range(1, 21):
        pace.update(second, float(second))
    for second in range(21, 81):
        pace.update(20 + (second - 20) * 5, float(second))

    assert pace.rate == pytest.approx(5.0)


def test_rates_are_turned_round_below_one():
    assert rate_text(3.14, "step") == "3.1 steps/s"
    assert rate_text(0.5, "network") == "2.0 s/network"
    assert rate_text(None, "step") == ""


# lines


def test_a_task_gets_a_line_at_its_start_and_at_its_end(plain):
    lines, clock, written = plain
    for done in range(101):
        clock.now += 0.01
        lines.progress(step(done, values={"loss": 1 / (done + 1)}))

    assert written() == [
        "    epoch 1 of 2: 100 steps",
        "    epoch 1 of 2: 100/100 steps in 1.0 s, 100.0 steps/s, loss 0.009901",
    ]


def test_a_long_task_gets_a_line_for_each_tenth_and_none_more_often_than_asked(plain):
    lines, clock, written = plain
    for done in range(1001):
        lines.progress(step(done, 1000))
        clock.now += 0.5

    shares = [line.split("(")[1].split(")")[0] for line in written()[1:-1]]
    assert shares == ["10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%"]
    assert "2.0 steps/s, 7 min 30 s left" in written()[1]


def test_a_very_long_task_gets_a_line_a_minute(plain):
    lines, clock, written = plain
    for done in range(601):
        lines.progress(step(done, 1_000_000))
        clock.now += 1.0

    assert len(written()) == 11


def test_a_resumed_task_says_where_it_goes_on(plain):
    lines, _, written = plain
    lines.progress(step(40))

    assert written() == ["    epoch 1 of 2: 100 steps, going on at 40"]


def test_the_end_is_told_once(plain):
    lines, clock, written = plain
    for _ in range(3):
        lines.progress(step(99))
        clock.now += 20
        lines.progress(step(100))

    assert len([line for line in written() if "100/100" in line]) == 1


def test_a_task_without_length_does_not_stumble(plain):
    lines, _, written = plain
    lines.progress(step(0, 0))
    lines.progress(step(0, 0))

    assert len(written()) == 2


# the bar


def bar(width: int = 100):
    clock = Clock()
    out = RichConsole(file=io.StringIO(), force_terminal=True, width=width, legacy_windows=False)
    return Bar(out, clock), clock, out.file


def test_the_bar_shows_share_count_rate_time_left_and_values():
    live, clock, file = bar()
    live.progress(step(10, unit="step"))
    clock.now += 10.0
    live.progress(step(30, values={"loss": 0.4123}))

    text = file.getvalue()
    assert "30 %" in text
    assert "30/100" in text
    assert "2.0 steps/s · 35 s left · loss 0.4123" in text
    live.close()


def test_a_narrow_terminal_cuts_the_values_and_nothing_else():
    live, clock, file = bar(width=72)
    live.progress(step(10, task="linas", unit="network"))
    clock.now += 10.0
    live.progress(step(30, task="linas", values={"accuracy": 0.3438, "macs": 9.292e8}))

    last = file.getvalue().split("\r")[-1]
    assert "linas" in last
    assert "━━━━━━━━━━" in last
    assert "30/100" in last
    assert "…" in last
    live.close()


def test_the_bar_is_not_drawn_more_often_than_people_can_see():
    live, clock, file = bar()
    live.progress(step(0))
    size = len(file.getvalue())
    for done in range(1, 50):
        clock.now += 0.001
        live.progress(step(done))
    assert len(file.getvalue()) == size

    clock.now += 0.1
    live.progress(step(50))
    assert len(file.getvalue()) > size
    live.close()


def test_closing_the_bar_gives_the_cursor_back_and_can_be_repeated():
    live, _, file = bar()
    live.progress(step(5))
    live.close()
    live.close()

    text = file.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_brackets_in_names_are_no_markup():
    live, _, file = bar()
    live.progress(step(5, task="[red]x[/nonsense]"))
    live.close()

    assert "[red]x[/nonsense]" in file.getvalue()


@pytest.mark.parametrize("kind", ["lines", "bar", "off"])
def test_progress_costs_next_to_nothing_when_nothing_is_drawn(kind, tmp_path, capsys):
    console = Console(ConsoleConfig(progress=kind, interval_s=1000.0), tmp_path)
    reports = [step(done, 10**9) for done in range(20_000)]
    console.progress(reports[0])

    best = min(_time(console, reports[i : i + 2000]) for i in range(0, 20_000, 2000))

    console.failed(KeyboardInterrupt())
    assert best / 2000 < 20e-6


def _time(console: Console, reports: list[Progress]) -> float:
    start = time.perf_counter()
    for report in reports:
        console.progress(report)
    return time.perf_counter() - start


# the reporter as a whole


def test_stages_are_numbered_and_tell_their_outcome(tmp_path, capsys):
    console = Console(ConsoleConfig(progress="lines"), tmp_path)
    console.run_started("docs", ("load", "teach", "order"))
    console.stage_started("load", "read the [checkpoint]")
    console.stage_finished("load", 2.1, "6 layers")
    console.stage_skipped("teach")
    console.stage_started("order", "sort heads and neurons by importance")
    console.message("look at [this]")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("docs  ")
    assert lines[1:] == [
        "1/3 load  read the [checkpoint]",
        "    6 layers  2.1 s",
        "2/3 teach  already done",
        "3/3 order  sort heads and neurons by importance",
        "    look at [this]",
    ]


def test_results_go_to_stdout_and_everything_else_to_stderr(tmp_path, summary, capsys):
    console = Console(ConsoleConfig(), tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("")

    assert console.finished(summary) == ()

    out, err = capsys.readouterr()
    assert summary.front[0].name in out
    assert "\x1b" not in out
    assert err.strip() == f"results: {tmp_path / 'report' / 'index.html'}"


def test_a_failure_is_left_to_the_command_line(tmp_path, capsys):
    console = Console(ConsoleConfig(progress="lines"), tmp_path)

    console.failed(RuntimeError("secret"))

    assert capsys.readouterr() == ("", "")


def test_the_table_can_be_left_out(tmp_path, summary, capsys):
    Console(ConsoleConfig(table=False), tmp_path).finished(summary)

    assert capsys.readouterr().out == ""


def test_paths_are_shown_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert shown(tmp_path / "runs" / "docs") == str(Path("runs/docs"))
    assert shown(Path("/elsewhere")) == str(Path("/elsewhere"))


SCRIPT = """
    import sys
    from pathlib import Path
    from instatune.interfaces import Progress
    from instatune_plugins.reporters import ConsoleConfig
    from instatune_plugins.reporters.console import Console
    console = Console(ConsoleConfig(), Path("."))
    console.run_started("docs", ("tune",))
    console.stage_started("tune", "Equation 1")
    try:
        for done in range(3):
            console.progress(Progress(stage="tune", task="epoch 1", done=done, total=10))
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        console.failed(error)
        sys.exit(130)
"""


def test_at_a_terminal_an_interrupted_bar_leaves_the_screen_clean():
    code = textwrap.dedent(SCRIPT)
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment) as child:
        os.close(end)
        text = _drain(terminal)

    assert child.returncode == 130
    assert "━" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.endswith(("\x1b[2K", "\n"))


def _drain(terminal: int) -> str:
    pieces = []
    try:
        while piece := os.read(terminal, 4096):
            pieces.append(piece)
    except OSError:
        pass
    os.close(terminal)
    return b"".join(pieces).decode()


# the table of results


@pytest.mark.parametrize("width", [100, 90, 75, 60])
def test_results_fit_the_width(summary, width):
    lines = results(summary, width=width).splitlines()

    assert max(map(len, lines)) <= max(width, 79)
    table = [line for line in lines if line.startswith(("sub-network", "plain", "uniform", "─"))]
    assert max(map(len, table)) <= width
    assert all(row.name[:15] in "\n".join(lines) for row in summary.front)


def test_results_hold_the_numbers_of_the_paper_s_table(summary):
    line = next(li for li in results(summary).splitlines() if li.startswith("sub-network 3 "))

    row = summary.front[0]
    assert row.name == "sub-network 3"
    expected = f"{row.test['accuracy'].value * 100:.1f} ±2.4"
    assert expected in line
    assert f"{row.search['macs'].value / 1e6:.0f}" in line
    assert line.endswith(row.folder.removeprefix("subnets/"))


def test_baselines_are_set_apart(summary):
    lines = results(summary).splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("─")]

    first = next(i for i, line in enumerate(lines) if line.startswith("plain fine-tuning"))
    assert rules[1] == first - 1


def test_results_can_do_with_ascii(summary):
    text = results(summary, utf8=False)

    assert text.isascii()
    assert "+-2.4" in text


def test_names_cannot_move_the_cursor(summary):
    odd = attrs.evolve(summary.front[0], name="evil\x1b[2J\r\nname", folder="a/\x1b[2Jb")

    text = results(attrs.evolve(summary, front=(odd,)))

    assert "\x1b" not in text
    assert "evil[2Jname" in text


def test_wide_letters_do_not_shift_columns(summary):
    odd = attrs.evolve(summary.front[0], name="小さい網")
    lines = results(attrs.evolve(summary, front=(odd, summary.front[1]))).splitlines()

    ends = [
        cell_len(line[: line.index("±")]) for line in lines if "±" in line and "half" not in line
    ]
    assert len(set(ends)) == 1


@pytest.mark.parametrize(
    "change", [{"front": ()}, {"baselines": ()}, {"front": (), "baselines": ()}]
)
def test_results_of_little_are_still_printed(summary, change):
    assert results(attrs.evolve(summary, **change)).strip()

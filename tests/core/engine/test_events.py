from __future__ import annotations

import json

from instatune.engine.events import Events
from instatune.interfaces import Progress, Reporter


class Listener(Reporter):
    def __init__(self):
        self.heard = []

    def message(self, text):
        self.heard.append(text)

    def stage_started(self, stage, about):
        self.heard.append(stage)

    def progress(self, progress):
        self.heard.append(progress.done)


class Broken(Listener):
    def stage_started(self, stage, about):
        raise OSError("no paper")


def test_a_reporter_that_raises_is_switched_off_and_named_and_the_others_go_on(tmp_path):
    good, broken = Listener(), Broken()
    events = Events([("broken", broken), ("good", good)], tmp_path / "events.jsonl")
    events.stage_started("load", "")
    events.stage_started("teach", "")
    assert events.switched_off == ["broken (OSError: no paper)"]
    assert good.heard == ["reporter 'broken' was switched off: OSError: no paper", "load", "teach"]
    assert broken.heard == []


def test_the_log_is_one_json_object_a_line(tmp_path):
    events = Events([], tmp_path / "events.jsonl")
    events.run_started("toy", ("load",))
    events.stage_finished("load", 1.23456, "fine")
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["run_started", "stage_finished"]
    assert lines[1]["seconds"] == 1.235


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path):
    listener = Listener()
    events = Events([("listener", listener)], tmp_path / "missing" / "events.jsonl")
    events.message("still here")
    assert listener.heard == ["still here"]


def test_counted_work_is_reported_from_none_to_all(tmp_path):
    listener = Listener()
    events = Events([("listener", listener)], tmp_path / "events.jsonl")
    start = Progress(stage="verify", task="prove", done=0, total=3)
    assert list(events.counted(start, "abc")) == ["a", "b", "c"]
    assert listener.heard == [0, 1, 2, 3]

from __future__ import annotations

from types import SimpleNamespace

import pytest

from instatune.engine.evaluate import Evaluator, Measured
from instatune.engine.store import Store
from instatune.errors import PluginError, StoreError
from instatune.interfaces import Measurement, Objective
from instatune.space import Architecture

NETS = [Architecture({"ffn": width}) for width in (8, 16, 32)]


class Scripted(Objective):
    """Gives what it was told to give, one item a call; raises exceptions among them."""

    def __init__(self, *script):
        self.script, self.calls = list(script), 0

    def measure(self, architectures, bench, done):
        item = self.script[self.calls]
        self.calls += 1
        if isinstance(item, Exception):
            raise item
        for value in item:
            done(Measurement(value))


class InTurn:
    """The simplest executor."""

    def map(self, function, items):
        return map(function, items)


def evaluator(tmp_path, objective, max_failures=0):
    part = SimpleNamespace(
        name="score", distribution="theirs", config=None, entry=SimpleNamespace(cost="dataset")
    )
    return Evaluator(
        bench=None,
        objectives={"score": Measured(part=part, objective=objective)},
        store=Store(tmp_path / "e.sqlite"),
        executor=InTurn(),
        supernet_id="net",
        data_id="search",
        max_failures=max_failures,
    )


def test_nothing_is_measured_twice_in_this_process_or_the_next(tmp_path):
    objective = Scripted([0.1], [0.2], [0.3])
    first = evaluator(tmp_path, objective).evaluate([NETS[0], NETS[1], NETS[0]])
    second = evaluator(tmp_path, objective).evaluate(NETS)
    assert [e.values["score"].value for e in first] == [0.1, 0.2, 0.1]
    assert [e.values["score"].value for e in second] == [0.1, 0.2, 0.3]
    assert objective.calls == 3


@pytest.mark.parametrize("values", [[], [0.1, 0.2]])
def test_an_objective_that_miscounts_is_named(tmp_path, values):
    message = rf"objective 'score' of theirs: measured {len(values)} values for 1 architecture"
    with pytest.raises(PluginError, match=message):
        evaluator(tmp_path, Scripted(values)).evaluate(NETS[:1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measurement_that_is_no_number_is_refused_and_not_kept(tmp_path, value):
    one = evaluator(tmp_path, Scripted([value]))
    with pytest.raises(PluginError, match=rf"'score' of theirs: measured {value} for .*finite"):
        one.evaluate(NETS[:1])
    assert len(one.store) == 0


def test_failures_are_tolerated_up_to_their_number_and_then_raised(tmp_path):
    boom = ValueError("boom")
    one = evaluator(tmp_path, Scripted(boom, [0.2], boom), max_failures=1)
    failed, good = one.evaluate(NETS[:2])
    assert (failed.status, failed.error) == ("failed", "ValueError: boom")
    assert good.status == "ok"
    with pytest.raises(ValueError, match="boom"):
        one.evaluate(NETS[2:])


def test_a_full_disk_is_never_taken_for_a_failed_network(tmp_path):
    full = StoreError("e.sqlite: the disk is full")
    with pytest.raises(StoreError, match="the disk is full"):
        evaluator(tmp_path, Scripted(full), max_failures=5).evaluate(NETS[:1])

"""``trained``: the super-network of a finished run as a benchmark."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from instatune.engine.folder import RunFolder
from instatune.engine.reopen import reopen
from instatune.engine.rows import read_front, read_verified
from instatune.errors import DataError, StoreError
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune.space import Architecture
from instatune.testing.contracts import BenchmarkContract


def benchmark(folder):
    from instatune.interfaces import Benchmark

    offer = discover()["benchmarks"].find("trained")
    return load_target(offer, Benchmark)(offer.entry.config(run=str(folder)))


class TestTrained(BenchmarkContract):
    entry = "trained"
    networks = 40

    @pytest.fixture(autouse=True)
    def _run(self, finished):
        type(self).settings = {"run": str(finished.run_dir)}


@pytest.fixture(scope="module")
def opened(finished):
    arena = benchmark(finished.run_dir).open()
    return SimpleNamespace(arena=arena, front=read_front(RunFolder(finished.run_dir)))


def test_values_are_those_of_the_run(opened):
    for item in opened.front["evaluated"][:5]:
        values = next(opened.arena.measure([Architecture(item["genes"])]))
        found = {name: [m.value, m.std, m.n] for name, m in values.items()}
        assert found == item["values"]


def test_what_the_run_measured_is_not_measured_again(opened, finished, monkeypatch):
    from instatune.engine.evaluate import SplitBench

    monkeypatch.setattr(SplitBench, "outputs", None)  # whoever runs the model fails
    networks = [Architecture(item["genes"]) for item in opened.front["evaluated"]]
    assert len(list(opened.arena.measure(networks))) == len(networks)


def test_final_values_are_those_of_the_test_split(opened, finished):
    verified = read_verified(RunFolder(finished.run_dir))["test"]
    for item in opened.front["chosen"]:
        network = Architecture(item["genes"])
        values = next(opened.arena.final([network]))
        assert values["accuracy"].value == verified[network.key]["accuracy"][0]


def test_the_bounds_are_those_of_the_report(opened):
    (largest,) = opened.front["references"]["largest"]
    assert opened.arena.bounds == ((-1.0, -0.0), (0.0, largest["values"]["macs"][0]))


def test_it_says_where_it_comes_from(opened):
    text = opened.arena.description
    assert text.startswith("Super-network of the run 'toy': ")
    assert "of its search split" in text


def test_a_folder_that_was_moved_opens_too(finished, tmp_path, opened):
    moved = tmp_path / "moved"
    shutil.copytree(finished.run_dir, moved)
    assert benchmark(moved).open().fingerprint == opened.arena.fingerprint
    assert reopen(moved).shop.folder.path == moved


def test_opening_writes_nothing_into_the_log(finished):
    log = finished.run_dir / "events.jsonl"
    before = log.read_bytes()
    benchmark(finished.run_dir).open()
    assert log.read_bytes() == before


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(DataError, match=r"no run folder \(it has no plan\.yaml, seen from"):
        benchmark(tmp_path / "nothing").open()


@pytest.mark.parametrize("stage", ["tune", "search"])
def test_a_run_that_did_not_get_that_far_is_told(finished, tmp_path, stage):
    half = tmp_path / "half"
    shutil.copytree(finished.run_dir, half)
    RunFolder(half).reopen(stage)
    with pytest.raises(
        DataError,
        match=rf"its stage '{stage}' is not finished; continue with `instatune run .*half",
    ):
        benchmark(half).open()
    if stage == "tune":
        with pytest.raises(StoreError):
            reopen(half)

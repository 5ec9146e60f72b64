"""Time against a yardstick: what a drifting clock does not change, and what is asked of a bench."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.errors import DataError, SearchError, SpaceError
from instatune.interfaces import Measurement
from instatune.metrics.timing import Timing, time_interleaved
from instatune.testing import contracts, fakes, tiny
from instatune_plugins.objectives import latency
from instatune_plugins.objectives.latency import Latency, against
from instatune_plugins.objectives.latency_config import LatencyConfig

LARGEST, SMALLEST = fakes.space().largest, fakes.space().smallest


class Weather:
    """A clock that passes while networks work: seconds of a pass times the load of the moment."""

    def __init__(self, load=lambda now: 1.0):
        self.now, self.load = 0.0, load

    def __call__(self) -> float:
        return self.now


class Bench(tiny.TinyBench):
    """One forward pass takes 10 ms for each layer that is kept, on a quiet machine."""

    weather: Weather
    threads: ClassVar[list[int]] = []

    def forward(self, model, batch):
        self.threads.append(torch.get_num_threads())
        layers = len(model.layers)
        self.weather.now += 0.01 * layers * self.weather.load(self.weather.now)


def bench(weather):
    made = Bench()
    object.__setattr__(made, "weather", weather)
    return made


@pytest.fixture
def weather(monkeypatch):
    made = Weather()
    monkeypatch.setattr(latency, "time_interleaved", partial(time_interleaved, clock=made))
    return made


def measured(objective, architectures, on):
    found: list[Measurement] = []
    objective.measure(architectures, on, found.append)
    return found


def by_depth(*depths):
    return [fakes.space().architecture({"depth": depth}) for depth in depths]


class TestContract(contracts.ObjectiveContract):
    entry = "latency"
    settings: ClassVar = {"repeats": 3, "warmup": 1, "tokens": 16, "batch": 2}


class TestContractOfAnotherRuntime(contracts.ObjectiveContract):
    entry = "latency"
    settings: ClassVar = {"repeats": 3, "warmup": 1, "runtime": "tiny"}


class TestYardstick:
    def test_on_a_quiet_machine_it_is_what_a_clock_shows(self, weather):
        found = measured(Latency(), by_depth(1, 2, 3), bench(weather))

        assert [m.value for m in found] == pytest.approx([0.01, 0.02, 0.03])
        assert [(m.std, m.n) for m in found] == [(pytest.approx(0, abs=1e-9), 20)] * 3

    def test_a_load_that_comes_between_networks_changes_nothing(self, weather):
        objective, on = Latency(), bench(weather)
        quiet = measured(objective, by_depth(1, 2), on)

        weather.load = lambda now: 3.0
        busy = measured(objective, by_depth(1, 2), on)

        assert [m.value for m in busy] == pytest.approx([m.value for m in quiet])

    def test_a_load_that_grows_while_a_network_is_measured_cancels(self, weather):
        objective, on = Latency(LatencyConfig(repeats=40)), bench(weather)
        measured(objective, by_depth(3), on)

        start = weather.now
        weather.load = lambda now: 1 + 2 * (now - start)
        (found,) = measured(objective, by_depth(1), on)

        assert weather.load(weather.now) > 3
        assert found.value == pytest.approx(0.01, rel=0.05)
        assert abs(found.value - 0.01) < 3 * found.std

    def test_bursts_that_hit_a_few_passes_change_nothing(self, weather):
        weather.load = lambda now: 50.0 if int(now * 1000) % 17 == 0 else 1.0
        found = measured(Latency(LatencyConfig(repeats=60)), by_depth(1, 2), bench(weather))

        assert [m.value for m in found] == pytest.approx([0.01, 0.02], rel=0.02)

    def test_the_unit_is_measured_once_for_all_benches_of_a_run(self, weather):
        first = bench(weather)
        measured(Latency(), by_depth(1), first)

        weather.load = lambda now: 7.0
        resumed = bench(weather)
        resumed.kept.update(first.kept)
        (found,) = measured(Latency(), by_depth(1), resumed)

        assert found.value == pytest.approx(0.01)
        assert len(resumed.kept) == 1
        (unit,) = resumed.kept.values()
        assert (unit.value, unit.n) == (pytest.approx(0.03), 20)

    def test_another_size_of_the_work_has_another_unit(self, weather):
        on = bench(weather)
        for config in (LatencyConfig(), LatencyConfig(batch=2), LatencyConfig(tokens=9)):
            measured(Latency(config), by_depth(1), on)
        measured(Latency(LatencyConfig(repeats=5)), by_depth(1), on)

        assert len(on.kept) == 3

    def test_the_yardstick_is_made_once_for_each_bench(self, weather):
        objective, on = Latency(), bench(weather)
        for _ in range(2):
            measured(objective, by_depth(1), on)

        assert on.ran.count(LARGEST) == 1
        other = bench(weather)
        measured(objective, by_depth(1), other)
        assert other.ran.count(LARGEST) == 1

    def test_a_limit_of_time_makes_fewer_passes(self, weather):
        config = LatencyConfig(repeats=1000, seconds=1.0)
        (found,) = measured(Latency(config), by_depth(1), bench(weather))

        assert 20 < found.n < 30  # of 40 ms each, some of them to warm up

    @given(
        st.lists(st.floats(1e-4, 1e2), min_size=3, max_size=9),
        st.floats(0.1, 3.0),
        st.floats(1e-3, 1.0),
    )
    @settings(deadline=None)
    def test_whatever_the_loads_an_exact_ratio_is_found(self, loads, ratio, unit):
        base = np.array(loads)

        found = against(Timing(tuple(ratio * base)), Timing(tuple(base)), unit)

        assert found.value == pytest.approx(unit * ratio)
        assert found.std == pytest.approx(0.0, abs=1e-9)
        assert found.n == len(loads)


class TestSettings:
    def test_threads_are_fixed_and_put_back(self, weather):
        before = torch.get_num_threads()
        Bench.threads.clear()

        measured(Latency(LatencyConfig(threads=before + 1)), by_depth(1), bench(weather))

        assert set(Bench.threads) == {before + 1}
        assert torch.get_num_threads() == before

    def test_batch_and_tokens_reach_the_network(self):
        seen = []

        class Looking(tiny.TinyBench):
            def forward(self, model, batch):
                seen.append(tuple(batch["input_ids"].shape))
                assert torch.is_inference_mode_enabled()
                return super().forward(model, batch)

        config = LatencyConfig(batch=3, tokens=11, repeats=3)
        measured(Latency(config), by_depth(1), Looking())

        assert set(seen) == {(3, 11)}

    def test_a_runtime_is_an_exporter_of_the_run_and_the_yardstick_is_not(self):
        asked = []

        class Exporting(tiny.TinyBench):
            def runner(self, architecture, exporter, threads):
                asked.append((architecture, exporter, threads))
                return super().runner(architecture, exporter, threads)

        on = Exporting()
        measured(Latency(LatencyConfig(runtime="tiny", threads=2, repeats=3)), [SMALLEST], on)
        assert asked == [(SMALLEST, "tiny", 2)]

        with pytest.raises(SearchError, match="no exporter 'onnx'; it has 'tiny'"):
            measured(Latency(LatencyConfig(runtime="onnx")), [SMALLEST], on)

    def test_more_tokens_than_the_model_takes_are_refused(self):
        with pytest.raises(SpaceError, match="65 tokens, but the model takes 64; use values from"):
            measured(Latency(LatencyConfig(tokens=65)), [SMALLEST], tiny.TinyBench())

    def test_tokens_of_examples_without_any_are_refused(self):
        class Images(tiny.TinyTask):
            def collate(self, features):
                return {"pixel_values": torch.zeros(len(features), 1)}

        with pytest.raises(DataError, match="have no tokens"):
            measured(Latency(LatencyConfig(tokens=8)), [SMALLEST], tiny.TinyBench(task=Images()))

    @pytest.mark.parametrize(
        ("name", "value"),
        [("batch", 0), ("tokens", 0), ("threads", 0), ("repeats", 2), ("warmup", 0),
         ("seconds", 0.0), ("runtime", "")],
    )  # fmt: skip
    def test_settings_that_mean_nothing_are_refused(self, name, value):
        with pytest.raises(ValueError, match=name):
            LatencyConfig(**{name: value})


def test_a_large_network_takes_longer_than_a_small_one_by_a_real_clock():
    sizes = fakes.TinySizes(layers=3, hidden=16, heads=4, head=4, ffn=2048)
    from instatune.supernet.supernet import Supernet

    space, anatomy = fakes.space(sizes), fakes.anatomy(sizes)
    supernet = Supernet(tiny.model(sizes), anatomy, space, tiny.TinyAdapter().logits)
    config = LatencyConfig(batch=32, tokens=64, repeats=9)

    large, small = measured(
        Latency(config), [space.largest, space.smallest], tiny.TinyBench(supernet=supernet)
    )

    assert small.value < large.value
    assert large.value - small.value > 1.96 * np.hypot(large.std, small.std)

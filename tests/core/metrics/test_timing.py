from __future__ import annotations

import gc
import math
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.metrics.timing import LEAST, Timing, median_error, time_interleaved


class Clock:
    """Stands still unless somebody works; what work takes is multiplied by the load."""

    def __init__(self, load=lambda now: 1.0):
        self.now, self.load, self.order = 0.0, load, []

    def __call__(self) -> float:
        return self.now

    def work(self, name, seconds):
        def run():
            self.order.append(name)
            self.now += seconds * self.load(self.now)

        return run


def timed(clock, costs, **settings):
    functions = {name: clock.work(name, value) for name, value in costs.items()}
    return time_interleaved(functions, clock=clock, **settings)


def test_each_function_gets_its_own_time():
    found = timed(Clock(), {"a": 1.0, "b": 2.5}, repeats=4, warmup=2)

    assert {name: timing.seconds for name, timing in found.items()} == {
        "a": (1.0,) * 4,
        "b": pytest.approx((2.5,) * 4),
    }
    assert (found["a"].median, found["a"].iqr, found["a"].error, found["a"].n) == (1.0, 0.0, 0.0, 4)


def test_each_round_begins_with_another_function():
    clock = Clock()

    timed(clock, {"a": 1, "b": 1, "c": 1}, repeats=4, warmup=1)

    assert "".join(clock.order) == "abc" + "abc" + "bca" + "cab" + "abc"


@given(st.integers(1, 9), st.integers(0, 3), st.integers(1, 5))
def test_every_function_runs_alike_often(repeats, warmup, count):
    clock = Clock()

    found = timed(clock, {i: 1.0 for i in range(count)}, repeats=repeats, warmup=warmup)

    assert [clock.order.count(i) for i in range(count)] == [repeats + warmup] * count
    assert {timing.n for timing in found.values()} == {repeats}


def test_a_drift_hits_all_alike():
    clock = Clock(load=lambda now: 1.0 + now / 100)

    found = timed(clock, {"a": 1.0, "b": 1.0}, repeats=40)

    ratios = np.array(found["a"].seconds) / np.array(found["b"].seconds)
    assert found["a"].median > 1.3  # the drift was large
    assert np.median(ratios) == pytest.approx(1.0, abs=0.02)


def test_a_limit_of_time_ends_the_rounds_but_leaves_a_spread():
    found = timed(Clock(), {"a": 10.0}, repeats=50, warmup=0, seconds=65.0)
    assert found["a"].n == 7

    clock = Clock()
    assert timed(clock, {"a": 10.0}, repeats=50, warmup=5, seconds=1.0)["a"].n == LEAST
    assert len(clock.order) == LEAST + 1  # of the rounds to warm up one was enough


def test_fewer_rounds_than_the_least_are_made_if_asked_for():
    assert timed(Clock(), {"a": 10.0}, repeats=1, seconds=1.0)["a"].n == 1


def test_no_function_takes_no_time():
    assert time_interleaved({}, repeats=3) == {}


def test_no_round_is_refused():
    with pytest.raises(ValueError, match="repeats is 0; it must be at least 1"):
        time_interleaved({"a": list}, repeats=0)


def test_threads_are_set_while_functions_run_and_put_back_even_after_an_error():
    states = []

    @contextmanager
    def threads():
        states.append("set")
        try:
            yield
        finally:
            states.append("back")

    def fail():
        states.append(f"collecting {gc.isenabled()}")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        time_interleaved({"a": fail}, repeats=1, threads=threads())

    assert states == ["set", "collecting False", "back"]
    assert gc.isenabled()


def test_a_real_clock_tells_small_from_large():
    rng = np.random.default_rng(0)
    small, large = rng.random((8, 8)), rng.random((256, 256))

    found = time_interleaved({"s": lambda: small @ small, "l": lambda: large @ large}, repeats=9)

    assert 0 < found["s"].median < found["l"].median


def test_the_error_of_a_median_is_that_of_many_samples():
    rng = np.random.default_rng(0)
    samples = rng.normal(1.0, 0.1, (2000, 25))

    told = float(np.mean([median_error(sample) for sample in samples]))

    assert told == pytest.approx(float(np.std(np.median(samples, axis=1))), rel=0.1)


def test_a_wild_value_does_not_blow_up_the_error():
    calm = Timing(tuple(1.0 + 0.01 * i for i in range(20)))
    wild = Timing((*calm.seconds[:-1], 500.0))

    assert wild.error == pytest.approx(calm.error)
    assert math.isclose(wild.median, calm.median)

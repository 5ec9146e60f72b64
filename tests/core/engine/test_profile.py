"""What is told before a run: networks, constraints and times."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from instatune.engine import forecast, rehearsal
from instatune.engine.census import Census, every, uniform
from instatune.engine.profile import profile
from instatune.engine.stages import STAGES
from instatune.engine.stopwatch import Pace, Paces, Stopwatch
from instatune.space import Gene, SearchSpace
from instatune.spec.resolve import prepare

TOY = Path(__file__).parents[2] / "end_to_end" / "toy.py"


def space(layers=3, depths=(1, 3), widths=(1, 2, 5)) -> SearchSpace:
    genes = [Gene(name="depth", choices=depths, effect="depth", targets=("s",))]
    genes += [
        Gene(name=f"w.{i}", choices=widths, effect="width", targets=(f"w.{i}",), stack="s", layer=i)
        for i in range(layers)
    ]
    genes.append(Gene(name="free", choices=(1, 2), effect="width", targets=("free",)))
    return SearchSpace(
        genes=tuple(genes),
        priority={"s": (1, 0, 2)[:layers] if layers == 3 else tuple(range(layers))},
        full_units={**{f"w.{i}": widths[-1] for i in range(layers)}, "free": 2},
    )


@pytest.fixture(scope="module")
def toy():
    spec = importlib.util.spec_from_file_location("toy_of_profile", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(toy, tmp_path_factory):
    made = tmp_path_factory.mktemp("profiled")
    toy.make(made)
    return made


@pytest.fixture
def profiled(toy, folder):
    def of(seconds=0.0, **changes):
        return profile(*prepare(toy.spec(folder, **changes)), seconds=seconds)

    return of


# census


def test_every_network_is_listed_once():
    small = space()
    spellings = np.array(list(itertools.product(*(range(n) for n in small.cardinalities))))
    distinct = {architecture.key for architecture in small.decode(spellings)}

    listed = every(small)

    assert len(listed) == small.size == len(distinct)
    assert {architecture.key for architecture in small.decode(listed)} == distinct
    assert np.array_equal(small.canonical(listed), listed)


def test_a_space_without_depth_is_listed_too():
    whole = space()
    rigid = SearchSpace(genes=whole.genes[1:], priority=whole.priority, full_units=whole.full_units)

    assert len({a.key for a in rigid.decode(every(rigid))}) == rigid.size == 54


def test_each_network_is_drawn_equally_often():
    small, draws = space(), 12_000

    drawn = uniform(small, np.random.default_rng(0), draws)

    keys, counts = np.unique([a.key for a in small.decode(drawn)], return_counts=True)
    expected = draws / small.size
    assert len(keys) == small.size
    assert ((counts - expected) ** 2 / expected).sum() < 2 * small.size  # chi square
    assert np.array_equal(small.canonical(drawn), drawn)


def test_counts_of_a_sample_hold_the_truth(monkeypatch):
    from instatune.engine import census

    small = space()
    truth = int((every(small)[:, 1] == 0).sum())
    monkeypatch.setattr(census, "ENUMERATED", 10)
    sample = Census.of(small, np.random.default_rng(1))

    count = sample.count(sample.genotypes[:, 1] == 0)

    assert not sample.exact
    assert count.low <= truth <= count.high
    assert count.high - count.low < 0.05 * small.size
    assert sample.count(np.zeros(census.SAMPLED, dtype=bool)).high >= 0


def test_spaces_beyond_floating_point_are_counted():
    vast = space(layers=400, depths=(399, 400))
    sample = Census.of(vast, np.random.default_rng(0))

    count = sample.count(sample.genotypes[:, 0] == 1)

    assert vast.size > 10**180
    assert count.share == pytest.approx(0.75, abs=0.02)
    assert abs(count.count - 3 * vast.size // 4) < vast.size // 50


# sizes and constraints


def test_sizes_are_those_of_the_networks(profiled):
    found = profiled()

    assert found.size == 9 + 9**2 + 9**3
    largest, median, smallest = found.networks
    assert [n.name for n in found.networks] == ["largest", "median", "smallest"]
    assert largest.macs > median.macs > smallest.macs > 0
    assert all(n.size_bytes == 4 * n.parameters for n in found.networks)
    assert found.tokens == 32
    assert found.stages == ()
    assert {c.genes: c.choices for c in found.choices} == {
        ("depth",): (1, 2, 3),
        ("heads.0", "heads.1", "heads.2"): (1, 2, 4),
        ("ffn.0", "ffn.1", "ffn.2"): (16, 32, 64),
    }


def test_the_largest_network_has_the_parameters_of_the_model(profiled, folder):
    from instatune_plugins.adapters.bert import Bert

    model = Bert().load(str(folder / "checkpoint"), 3, torch.Generator())

    assert profiled().networks[0].parameters == sum(p.numel() for p in model.parameters())


def test_networks_that_meet_a_constraint_are_counted(profiled):
    found = profiled(
        constraints={"macs": {"max": 0.5}, "params": {"max": 20_000, "relative": False}}
    )

    work, weights, together = found.bounds
    assert (work.name, weights.name, together.name) == ("macs", "params", "all")
    assert work.high == found.networks[0].macs / 2
    assert weights.high == 20_000
    assert work.range == (found.networks[2].macs, found.networks[0].macs)
    assert 0 < together.met_by.count <= min(work.met_by.count, weights.met_by.count) < found.size
    assert work.met_by.exact
    assert work.possible
    assert together.possible


def test_a_constraint_that_nothing_meets_is_told(profiled):
    bound = profiled(constraints={"macs": {"max": 0.01}}).bounds[0]

    assert bound.met_by.count == 0
    assert bound.possible is False


def test_a_constraint_on_what_must_be_measured_is_left_open(profiled):
    bound = profiled(constraints={"accuracy": {"min": 0.9}}).bounds[0]

    assert (bound.met_by, bound.range, bound.possible) == (None, None, None)
    assert bound.low == 0.9


def test_the_ends_of_the_space_count_where_the_sample_misses_them(profiled, monkeypatch):
    from instatune.engine import census

    monkeypatch.setattr(census, "ENUMERATED", 1)
    monkeypatch.setattr(census, "SAMPLED", 2)

    bound = profiled(constraints={"macs": {"min": 1.0}}).bounds[0]

    assert not bound.met_by.exact
    assert bound.possible


# times


def test_each_stage_gets_a_time_and_nothing_is_left_behind(profiled, folder):
    found = profiled(seconds=0.3)

    assert [stage.name for stage in found.stages] == [s.name for s in STAGES if s.name != "report"]
    assert all(math.isfinite(stage.seconds) and stage.seconds >= 0 for stage in found.stages)
    assert all(stage.seconds == pytest.approx(sum(stage.parts.values())) for stage in found.stages)
    assert found.seconds == pytest.approx(sum(stage.seconds for stage in found.stages))
    assert not (folder / "run").exists()
    assert json.loads(json.dumps(found.as_dict()))["seconds"] == found.seconds


@pytest.fixture
def steady(monkeypatch):
    """A machine on which all things take a known time."""
    paces = Paces(
        train=Pace(macs=(1.0, 2.0), seconds=(3.0, 3.0)),
        infer=Pace(macs=(1.0, 2.0), seconds=(1.0, 1.0)),
        read=0.0,
        update=10.0,
    )
    monkeypatch.setattr(Stopwatch, "paces", lambda self, *args: paces)
    monkeypatch.setattr(forecast, "dry_search", lambda *args: (0.0, []))
    return paces


def parts(found):
    return {stage.name: stage.parts for stage in found.stages}


TAUGHT = {
    "epochs": 2,
    "batch_size": 450,
    "curve_points": 0,
    "sampler": {"name": "sandwich", "n_random": 2},
    "loss": {"name": "instatune", "gamma": "high_cost"},
}


def test_training_time_is_steps_times_networks(profiled, steady):
    times = parts(profiled(1.0, teach={"epochs": 3, "batch_size": 450}, tune=TAUGHT))

    volume = times["tune"]["teacher"]  # one forward pass over the training split
    assert volume > 450
    assert times["teach"]["train"] == pytest.approx(3 * (3 * volume + 10))
    assert times["tune"]["train"] == pytest.approx(2 * (4 * 3 * volume + 10))
    assert times["tune"]["curve"] == 0


def test_steps_end_where_the_spec_says(profiled, steady):
    teach = {"epochs": 8, "batch_size": 450, "max_steps": 1}

    times = parts(profiled(1.0, teach=teach, tune=TAUGHT))

    assert times["teach"]["train"] == pytest.approx(3 * times["tune"]["teacher"] + 10)


def test_a_search_without_baselines_is_half_as_long(profiled, steady):
    search = {"strategy": "random", "evaluations": 10}

    both, alone = (
        parts(profiled(1.0, search={**search, "baselines": kept})) for kept in (True, False)
    )

    one = both["search"]["evaluate"] / 10
    assert alone["search"]["baselines"] == 0
    assert both["search"]["baselines"] >= 10 * one
    assert both["verify"]["score"] > alone["verify"]["score"]
    assert both["search"]["evaluate"] == alone["search"]["evaluate"]


def test_ranking_layers_is_counted_by_asking(profiled, steady):
    ranked = parts(profiled(1.0))
    first = parts(profiled(1.0, space={"depth": [1, 2, 3], "heads": [1, 4]}))
    untaught = parts(profiled(1.0, order={"by": "none"}))

    assert ranked["order"]["layers"] > 0
    assert first["order"]["layers"] == 0
    assert ranked["order"]["units"] > 0
    assert untaught["order"]["units"] == 0


def test_the_strategy_is_rehearsed_on_made_up_values(profiled, monkeypatch):
    asked = {}
    real = rehearsal.dry_search

    def watched(*args):
        seconds, networks = real(*args)
        asked.update(seconds=seconds, networks=networks)
        return seconds, networks

    monkeypatch.setattr(forecast, "dry_search", watched)
    found = profiled(0.2, constraints={"macs": {"max": 0.8}, "accuracy": {"min": 0.1}})

    assert len({network.key for network in asked["networks"]}) == 18
    assert parts(found)["search"]["strategy"] == asked["seconds"] > 0


def test_paces_between_networks_are_linear():
    pace = Pace(macs=(1.0, 3.0), seconds=(2.0, 6.0))

    assert pace.of([1, 2, 3, 9]).tolist() == [2, 4, 6, 6]


def test_measuring_leaves_weights_alone(profiled, monkeypatch):
    seen = []
    real = Stopwatch.paces

    def watched(self, *args):
        before = {n: p.detach().clone() for n, p in self.supernet.model.named_parameters()}
        paces = real(self, *args)
        after = dict(self.supernet.model.named_parameters())
        seen.append(all(torch.equal(after[name], tensor) for name, tensor in before.items()))
        return paces

    monkeypatch.setattr(Stopwatch, "paces", watched)
    profiled(0.2)

    assert seen == [True]

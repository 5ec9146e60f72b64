from __future__ import annotations

import pytest

from instatune.errors import SpecError
from instatune.plugin.entries import PredictorEntry, SamplerEntry, ScheduleEntry, StrategyEntry
from instatune.spec.resolve import plan


def complaints(source, plugins) -> list[str]:
    with pytest.raises(SpecError) as caught:
        plan(source, plugins)
    return [problem.render("spec") for problem in caught.value.problems]


def test_a_loss_that_needs_the_largest_network_needs_a_sampler_that_draws_it(spec, offering):
    blind = SamplerEntry(name="blind", target="x:Y", summary="s", draws_largest=False)
    found = complaints({**spec, "tune": {"sampler": "blind"}}, offering(blind))
    assert found == [
        "spec: tune.loss: 'instatune' needs the largest sub-network in each step, sampler 'blind' "
        "does not draw it; use 'attentive', 'macs_balanced', 'progressive', 'sandwich' or 'uniform'"
    ]


def test_projected_gradients_need_a_sampler_that_draws_the_largest_network(spec, offering):
    blind = SamplerEntry(name="blind", target="x:Y", summary="s", draws_largest=False)
    easy = ScheduleEntry(name="easy", target="x:Y", summary="s")
    tune = {"sampler": "blind", "loss": "easy", "gradients": "project_sub"}
    found = complaints({**spec, "tune": tune}, offering(blind, easy))
    assert found == [
        "spec: tune.gradients: 'project_sub' needs the largest sub-network in each step, sampler "
        "'blind' does not draw it; use 'gradients: sum', or sampler 'attentive', 'macs_balanced', "
        "'progressive', 'sandwich' or 'uniform'"
    ]
    plan({**spec, "tune": {**tune, "gradients": "sum"}}, offering(blind, easy))
    plan({**spec, "tune": {**tune, "sampler": "uniform"}}, offering(blind, easy))


def test_a_loss_without_that_need_takes_any_sampler(spec, offering):
    blind = SamplerEntry(name="blind", target="x:Y", summary="s", draws_largest=False)
    easy = ScheduleEntry(name="easy", target="x:Y", summary="s")
    plan({**spec, "tune": {"sampler": "blind", "loss": "easy"}}, offering(blind, easy))


def test_a_strategy_handles_only_so_many_objectives(spec, offering):
    single = StrategyEntry(name="single", target="x:Y", summary="s", max_objectives=1)
    plugins = offering(single)
    found = complaints({**spec, "search": {"strategy": "single"}}, plugins)
    assert found == [
        "spec: objectives: 2 objectives, but strategy 'single' handles 1 at most; leave some out "
        "or bound them under constraints"
    ]
    plan({**spec, "search": {"strategy": "single"}, "objectives": ["accuracy"]}, plugins)


def test_a_strategy_that_predicts_needs_a_predictor(spec, offering):
    guessing = StrategyEntry(name="guessing", target="x:Y", summary="s", needs_predictor=True)
    crystal = PredictorEntry(name="crystal", target="x:Y", summary="s")
    plugins = offering(guessing, crystal)
    found = complaints({**spec, "search": {"strategy": "guessing", "predictor": None}}, plugins)
    assert len(found) == 1
    assert found[0].startswith(
        "spec: search.strategy: 'guessing' needs a predictor; set 'predictor:"
    )
    assert "crystal" in found[0]
    plan({**spec, "search": {"strategy": "guessing", "predictor": "crystal"}}, plugins)


def test_an_unknown_predictor_is_one_problem_and_not_two(spec, offering):
    guessing = StrategyEntry(name="guessing", target="x:Y", summary="s", needs_predictor=True)
    search = {"strategy": "guessing", "predictor": "nothing_like_it"}
    found = complaints({**spec, "search": search}, offering(guessing))
    assert len(found) == 1
    assert "no predictor is called 'nothing_like_it'" in found[0]


def test_there_must_be_an_objective(spec, plugins):
    found = complaints({**spec, "objectives": []}, plugins)
    assert found == ["spec: objectives: is empty; name at least one objective"]


def test_objectives_are_told_apart_by_name_whatever_their_settings(spec, plugins):
    objectives = ["accuracy", "macs", {"name": "macs", "tokens": 8}]
    found = complaints({**spec, "objectives": objectives}, plugins)
    assert found == ["spec: objectives[2]: 'macs' is given twice; remove one"]


def test_a_dimension_counts_as_given_twice_under_its_full_name(spec, plugins):
    space = {"depth": [2, 4], "depth@instatune": [1, 4]}
    found = complaints({**spec, "space": space}, plugins)
    assert "spec: space.depth@instatune: 'depth' is given twice; remove one" in found


def test_reporters_may_come_twice_with_different_settings(spec, plugins):
    reporters = [{"name": "csv", "folder": "a"}, {"name": "csv", "folder": "b"}]
    plan({**spec, "reporters": reporters}, plugins)
    found = complaints({**spec, "reporters": ["csv", "csv"]}, plugins)
    assert found == ["spec: reporters[1]: 'csv' is given twice; remove one"]

from __future__ import annotations

import pytest

from instatune.errors import SpecError
from instatune.plugin.entries import (
    AdapterEntry,
    PredictorEntry,
    SamplerEntry,
    ScheduleEntry,
    StrategyEntry,
    TaskEntry,
)
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


def test_a_strategy_may_need_more_than_one_objective(spec, offering):
    many = StrategyEntry(name="many", target="x:Y", summary="s", min_objectives=2)
    plugins = offering(many)
    single = {**spec, "search": {"strategy": "many"}, "objectives": ["accuracy"]}
    assert complaints(single, plugins) == [
        "spec: objectives: 1 objective, but strategy 'many' needs 2 at least; add another or use "
        "another strategy"
    ]
    plan({**spec, "search": {"strategy": "many"}}, plugins)


def test_a_strategy_may_need_a_predictor_that_knows_its_uncertainty(spec, offering):
    cautious = StrategyEntry(
        name="cautious", target="x:Y", summary="s", needs_predictor=True, needs_std=True
    )
    crystal = PredictorEntry(name="crystal", target="x:Y", summary="s")
    bell = PredictorEntry(name="bell", target="x:Y", summary="s", gives_std=True)
    plugins = offering(cautious, crystal, bell)
    search = {"strategy": "cautious", "predictor": "crystal"}
    (found,) = complaints({**spec, "search": search}, plugins)
    assert found.startswith(
        "spec: search.predictor: strategy 'cautious' needs a predictor that knows its uncertainty, "
        "'crystal' does not; use "
    )
    assert "'bell'" in found
    plan({**spec, "search": {**search, "predictor": "bell"}}, plugins)
    (usual,) = complaints({**spec, "search": {"strategy": "cautious"}}, plugins)
    assert usual.startswith("spec: search.predictor: strategy 'cautious' needs a predictor")


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


def test_an_adapter_that_does_not_serve_the_task_names_those_that_do(spec, offering):
    tagging = TaskEntry(name="tagging", target="x:Y", summary="s", problem="token_classification")
    drawing = TaskEntry(name="drawing", target="x:Y", summary="s", problem="drawing")
    plugins = offering(tagging, drawing)

    found = complaints({**spec, "task": {"name": "causal_lm", "corpus": "python_docs"}}, plugins)
    assert found == [
        "spec: model.adapter: adapter 'bert' is for classification, token_classification,"
        " regression, but task 'causal_lm' is of the kind 'causal_lm'; use 'llama'"
    ]
    found = complaints({**spec, "task": "drawing"}, plugins)
    assert found[0].endswith("is of the kind 'drawing'; use another adapter")
    plan({**spec, "task": "tagging"}, plugins)


def test_an_adapter_that_names_no_kinds_takes_any_task(spec, offering):
    any_ = AdapterEntry(name="anything", target="x:Y", summary="s")
    drawing = TaskEntry(name="drawing", target="x:Y", summary="s", problem="drawing")
    model = {**spec["model"], "adapter": "anything"}
    plan({**spec, "task": "drawing", "model": model}, offering(any_, drawing))

    found = complaints({**spec, "task": "drawing"}, offering(any_, drawing))
    assert found[0].endswith("use 'anything'")


def test_an_objective_for_another_kind_of_output_is_refused(spec, plugins):
    found = complaints({**spec, "objectives": ["entity_f1", "correlation", "macs"]}, plugins)

    assert found == [
        "spec: objectives[0]: objective 'entity_f1' is for token_classification, but task"
        " 'python_docs' is of the kind 'classification'; leave it out",
        "spec: objectives[1]: objective 'correlation' is for regression, but task 'python_docs' is"
        " of the kind 'classification'; leave it out",
    ]

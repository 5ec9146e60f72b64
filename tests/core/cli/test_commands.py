from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from instatune.cli.arguments import STAGES
from instatune.cli.main import main


def test_check_prints_a_resume(spec_file, capsys, tmp_path):
    assert main(["check", str(spec_file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "spec.yaml: OK",
        "  model      bert, ./model",
        "  task       python_docs",
        "  space      depth, heads: 20 architectures",
        "  tune       loss instatune, sampler uniform, 3 epochs",
        "  search     random, 150 evaluations of accuracy, macs",
        "  bounds     macs <= 0.6 of the full model's",
        "  stages     load > teach > elastic > order > tune > search > verify > export > measure"
        " > report",
        f"  run folder {tmp_path / 'runs' / 'small'}",
    ]


def test_check_and_explain_name_the_quantizer(spec_file, capsys):
    words = ["--set", "space.bits=[8, 32]", "--set", "quantizer=int8"]
    assert main(["check", str(spec_file), *words]) == 0
    out = capsys.readouterr().out
    assert "  space      depth, heads, bits: " in out
    assert "  quantizer  int8\n" in out
    assert main(["explain", str(spec_file), *words]) == 0
    assert "quantizers" in capsys.readouterr().out


def test_check_does_not_promise_a_size_that_it_cannot_know(spec_file, capsys):
    assert main(["check", str(spec_file), "--set", "model.checkpoint=some/model"]) == 0
    assert "number of architectures known once the model is loaded" in capsys.readouterr().out


def test_check_tells_all_problems_and_is_2(spec_file, capsys):
    words = ["--set", "tune.lr=fast", "--set", "space.heads=[6, 12, 13]", "--set", "nothing"]
    assert main(["check", str(spec_file), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "spec.yaml: --set nothing: there is no '='; write section.key=value",
        "spec.yaml: tune.lr: expected float, got str 'fast'",
        "    set by --set tune.lr=fast",
        "spec.yaml: space.heads[2]: 13 heads, but the model has 12; use values from 1 to 12",
        "    set by --set space.heads=[6, 12, 13]",
    ]


def test_check_leaves_no_trace(spec_file, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert main(["check", str(spec_file)]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_spec_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "nope.yaml"]) == 2
    assert capsys.readouterr().err == "nope.yaml: there is no such file\n"


def test_explain_is_a_spec_itself_and_names_who_is_behind_it(spec_file, capsys, tmp_path):
    assert main(["explain", str(spec_file)]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["tune"]["sampler"] == {"name": "uniform", "n_random": 1}
    assert any(
        line.split()[:4] == ["#", "strategies", "random", "instatune"] for line in text.splitlines()
    )
    assert "# architectures: 20" in text
    Path("resolved.yaml").write_text(text)
    assert main(["explain", "resolved.yaml"]) == 0
    assert capsys.readouterr().out == text


def test_explain_speaks_json(spec_file, capsys, tmp_path):
    assert main(["explain", str(spec_file), "--json", "--set", "seed=5"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["spec"]["seed"] == 5
    assert data["checkpoint"] == str(tmp_path / "model")
    assert data["architectures"] == 20
    sampler = next(item for item in data["components"] if item["kind"] == "samplers")
    assert (sampler["name"], sampler["distribution"]) == ("uniform", "instatune")
    assert sampler["settings"] == {"n_random": 1}


def test_schema_is_printed_or_written(capsys, tmp_path):
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(printed)
    file = tmp_path / "schema.json"
    assert main(["schema", "--output", str(file)]) == 0
    assert json.loads(file.read_text()) == printed
    assert f"yaml-language-server: $schema={file}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "explain", "run"])
def test_plugins_that_are_chosen_must_be_there(spec_file, capsys, command):
    assert main([command, str(spec_file), "--only-plugins", "no-such-thing"]) == 3
    assert "no plugin is called 'no-such-thing'" in capsys.readouterr().err


def test_run_hands_plan_and_stage_to_the_engine(spec_file, capsys, tmp_path, monkeypatch):
    asked = {}

    def run_plan(plan, plugins, *, stop_after=None):
        asked.update(seed=plan.spec.seed, kinds=plugins["samplers"].names(), until=stop_after)

    monkeypatch.setattr("instatune.engine.run.run_plan", run_plan)
    assert main(["run", str(spec_file), "--set", "seed=4", "--stop-after", "tune"]) == 0
    assert asked["seed"] == 4
    assert asked["until"] == "tune"
    assert "uniform" in asked["kinds"]
    assert capsys.readouterr().out == f"run folder: {tmp_path / 'runs' / 'small'}\n"


def test_run_refuses_a_stage_that_is_none(spec_file, capsys):
    assert main(["run", str(spec_file), "--stop-after", "train"]) == 2
    assert "invalid choice: 'train'" in capsys.readouterr().err


def test_run_checks_the_spec_before_torch_is_imported(spec_file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "instatune.engine.run", None)
    assert main(["run", str(spec_file), "--set", "tune.lr=fast"]) == 2


def test_the_stages_are_those_of_the_engine():
    from instatune.engine.stages import STAGES as REAL

    assert tuple(stage.name for stage in REAL) == STAGES

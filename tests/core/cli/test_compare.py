from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from instatune.cli.main import main

PLUGIN = Path(__file__).parents[1] / "engine" / "compare" / "made_up.py"


@pytest.fixture
def document(tmp_path, monkeypatch):
    """A comparison in the working folder; the function changes it."""
    shutil.copy(PLUGIN, tmp_path / "made_up_for_cli.py")
    text = (tmp_path / "made_up_for_cli.py").read_text().replace("made_up:", "made_up_for_cli:")
    (tmp_path / "made_up_for_cli.py").write_text(text)
    monkeypatch.chdir(tmp_path)

    def write(**changes):
        data = {
            "compare": 1,
            "name": "made up",
            "run_dir": "out",
            "benchmark": "made_up",
            "strategies": ["drawn", "oracle"],
            "seeds": 4,
            "evaluations": 20,
            "plugins": {"files": ["./made_up_for_cli.py"]},
            **changes,
        }
        Path("compare.yaml").write_text(yaml.safe_dump(data))
        return "compare.yaml"

    yield write
    sys.modules.pop("made_up_for_cli", None)


def test_a_comparison_prints_standings_and_writes_its_files(document, capsys):
    assert main(["compare", document()]) == 0
    shown = capsys.readouterr()
    assert "oracle wins: 100.00 % of the hypervolume of the true front" in " ".join(
        shown.out.replace("\u00a0", " ").split()
    )
    assert "run folder: " in shown.out
    assert "2/3 measure  search 8 times: 2 strategies with 4 seeds each" in shown.err
    written = {path.name for path in Path("out/report").iterdir()}
    assert written >= {"index.html", "standings.csv", "hypervolume.png", "fronts.png", "gaps.png"}
    assert json.loads(Path("out/compare.json").read_text())["budget"] == 20


def test_a_strategy_that_fails_is_told_with_code_3_and_the_rest_is_reported(document, capsys):
    assert main(["compare", document(strategies=["drawn", "raises"])]) == 3
    shown = capsys.readouterr()
    assert "raises, seed 0 failed: strategy 'raises' failed in ask: ValueError" in shown.err
    assert Path("out/report/index.html").exists()


def test_too_many_failures_are_code_3(document, capsys):
    assert main(["compare", document(strategies=["drawn", "raises"], max_failures=0)]) == 3
    assert "1 searches failed, max_failures allows 0" in capsys.readouterr().err


def test_mistakes_are_code_2(document, capsys):
    assert main(["compare", document(strategies=["drwan"])]) == 2
    assert "no strategy is called 'drwan'; did you mean 'drawn'" in capsys.readouterr().err
    Path("run.yaml").write_text("spec: 1\nname: x\n")
    assert main(["compare", "run.yaml"]) == 2
    assert "run it with `instatune run`" in capsys.readouterr().err
    assert main(["run", document()]) == 2
    assert "run it with `instatune compare`" in capsys.readouterr().err


def test_overrides_change_a_comparison(document):
    assert main(["compare", document(), "--set", "evaluations=5", "--set", "reporters=[]"]) == 0
    assert json.loads(Path("out/compare.json").read_text())["budget"] == 5


def test_an_interrupted_comparison_can_be_continued(document, capsys, monkeypatch):
    from instatune.engine.compare import run as running

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run_cell", interrupted)
    assert main(["compare", document()]) == 130
    assert "run the same command again to continue" in capsys.readouterr().err


def test_check_knows_comparisons(document, capsys):
    assert main(["check", document(constraints={"macs": {"max": 0.5}})]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "compare.yaml: OK"
    assert "benchmark made_up" in lines
    assert "strategy drawn (baseline)" in lines
    assert "searches 8, 20 evaluations each, 1 at a time" in lines
    assert "bounds macs <= 0.5 of the full model's" in lines
    assert main(["check", document(seeds=0)]) == 2


def test_check_and_compare_import_no_torch(document):
    script = (
        "import sys; from instatune.cli.main import main;"
        f" assert main(['check', {document()!r}]) == 0;"
        " assert not {'torch', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules);"
        f" assert main(['compare', {document(reporters=['console'])!r}]) == 0;"
        " assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_the_schema_of_comparisons_is_asked_for_by_an_option(capsys):
    assert main(["schema", "--compare"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["title"] == "instatune comparison, version 1"
    assert main(["schema"]) == 0
    assert "compare" not in json.loads(capsys.readouterr().out)["properties"]

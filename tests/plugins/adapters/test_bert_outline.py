"""The anatomy of BERT, without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from instatune.errors import CheckpointError
from instatune_plugins.adapters.bert_outline import anatomy_of, outline

SMALL = {
    "model_type": "bert",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "vocab_size": 11,
}


def test_the_outline_needs_neither_torch_nor_transformers(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    code = (
        "import sys; from instatune_plugins.adapters.bert_outline import outline; "
        "outline(sys.argv[1]); print({'torch', 'transformers'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_heads_and_neurons_of_each_layer_are_units(tmp_path):
    anatomy = anatomy_of(SMALL, 2)

    assert [group.name for group in anatomy.groups] == [
        *("heads.0", "ffn.0", "heads.1", "ffn.1"),
        "embed",
    ]
    assert [group.units for group in anatomy.of_kind("heads")] == [4, 4]
    assert [group.units for group in anatomy.of_kind("ffn")] == [24, 24]
    assert anatomy.stacks[0].layers == 2


def test_sizes_that_are_left_out_are_those_of_bert_base():
    anatomy = anatomy_of({}, 2)

    assert anatomy.shapes["bert.embeddings.word_embeddings.weight"] == (30522, 768)
    assert anatomy.group("ffn.11").units == 3072
    assert (anatomy.tokens, anatomy.max_tokens) == (128, 512)


@pytest.mark.parametrize(("labels", "outputs"), [({}, 2), ({"0": "a", "1": "b", "2": "c"}, 3)])
def test_the_head_has_a_row_for_each_label(tmp_path, labels, outputs):
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "id2label": labels}))

    assert outline(str(tmp_path)).shapes["classifier.weight"] == (outputs, 16)


@pytest.mark.parametrize("name", ["bert-base-uncased", "google/bert_uncased_L-2"])
def test_names_on_a_hub_are_not_asked(name):
    assert outline(name) is None


@pytest.mark.parametrize(
    "path", ["/no/such/folder", "./gone", "../gone", "a/b/c", "~/no-such-bert"]
)
def test_a_missing_folder_is_an_error(path):
    with pytest.raises(CheckpointError, match=f"checkpoint {path}: no such folder"):
        outline(path)


def test_a_file_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").write_text("")

    with pytest.raises(CheckpointError, match="no such folder"):
        outline("model")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 15}, "hidden_size 15 is not a multiple of num_attention_heads 4"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; a positive number is right"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(CheckpointError, match=message):
        anatomy_of({**SMALL, **changes}, 2)

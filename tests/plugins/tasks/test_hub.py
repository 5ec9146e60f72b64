"""The library ``datasets`` is optional: without it a stand-in with the same interface is used."""

from __future__ import annotations

import json
import sys
import types

import pytest

from instatune.errors import DataError
from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.text_classification import TextClassification


class Value:
    pass


class ClassLabel:
    names = ("negative", "positive")


class Image:
    pass


class Split:
    def __init__(self, labels: list[int], prefix: str) -> None:
        self.features = {"idx": Value(), "sentence": Value(), "label": ClassLabel(), "pic": Image()}
        self._data = {
            "idx": list(range(len(labels))),
            "sentence": [f"{prefix} {i}" for i in range(len(labels))],
            "label": labels,
        }

    def __len__(self) -> int:
        return len(self._data["label"])

    def __getitem__(self, column: str) -> list:
        return self._data[column]  # an image would be decoded here


@pytest.fixture
def hub(monkeypatch):
    """Put a hub in place; gives its splits, the calls, and what it shall raise."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    state = types.SimpleNamespace(
        splits={
            "train": Split([0, 1] * 20, "train"),
            "validation": Split([0, 1] * 5, "validation"),
            "test": Split([-1] * 8, "test"),
        },
        calls=[],
        error=None,
    )

    def load_dataset(path, name=None, *, revision=None):
        state.calls.append((path, name, revision))
        if state.error:
            raise state.error
        return state.splits

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    return state


def load(**settings):
    config = TextClassificationConfig(dataset="glue", subset="sst2", **settings)
    return TextClassification(config).load(0)


def test_a_dataset_gives_its_class_names_and_splits(hub):
    splits = load(revision="abc")

    assert hub.calls == [("glue", "sst2", "abc")]
    assert splits.labels == ("negative", "positive")
    assert (len(splits.train), len(splits.search), len(splits.test)) == (36, 4, 10)


def test_a_test_split_without_labels_is_passed_over(hub):
    assert load().test[0]["text"] == "validation 0"


def test_a_labelled_test_split_goes_before_validation(hub):
    hub.splits["test"] = Split([1, 0], "test")

    splits = load(search_split="validation")

    assert splits.test[0] == {"text": "test 0", "label": 1}
    assert all(e["text"].startswith("validation") for e in splits.search)


def test_splits_can_be_named(hub):
    hub.splits["extra"] = Split([0, 1] * 3, "extra")

    assert load(train_split="validation", test_split="extra").test[0]["text"] == "extra 0"


def refused(match: str, **settings):
    with pytest.raises(DataError, match=match):
        load(**settings)


def test_an_unknown_split_is_refused_with_those_that_exist(hub):
    refused(
        "task.test_split: 'glue' has no split 'dev'; it has train, validation, test",
        test_split="dev",
    )


def test_a_dataset_without_labels_to_test_on_is_refused(hub):
    del hub.splits["validation"]

    refused("no labelled split to test on among train, test; .*test_split=NAME")


def test_withheld_labels_that_were_asked_for_are_explained(hub):
    refused(r"glue \[test\]: row 0: label '-1' .* withheld", test_split="test")


def test_an_empty_split_is_refused(hub):
    hub.splits["train"] = Split([], "train")

    refused("task.train_split: split 'train' of 'glue' is empty")


def test_errors_of_the_library_become_one_line(hub):
    hub.error = ConnectionError("no route\nmany more lines")

    refused(
        r"task.dataset: 'glue' \(subset 'sst2'\) cannot be loaded \(ConnectionError: no route\);"
        " check dataset, subset and revision, and the connection, or give files instead"
    )


def test_offline_is_named_as_the_reason(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.error = ConnectionError()

    refused("HF_HUB_OFFLINE is set, so only what was downloaded before is found")


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)

    refused(r"needs the package datasets; pip install 'instatune\[datasets\]'")


def test_the_real_library_reads_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))  # read at import
    pytest.importorskip("datasets")
    for split, n in (("train", 20), ("test", 6)):
        lines = [json.dumps({"text": f"{split} {i}", "label": i % 2}) for i in range(n)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))

    config = TextClassificationConfig(dataset=str(tmp_path))
    splits = TextClassification(config).load(0)

    assert (len(splits.train), len(splits.search), len(splits.test)) == (18, 2, 6)
    assert splits.test[1] == {"text": "test 1", "label": 1}

"""Where images come from, how they are split, and what can be wrong with them."""

from __future__ import annotations

import json
import shutil
import sys
import types
from collections import Counter
from pathlib import Path

import pytest

from instatune.errors import DataError
from instatune_plugins.tasks import ImageClassificationConfig
from instatune_plugins.tasks.image_classification import ImageClassification


def load(seed=0, **config):
    return ImageClassification(ImageClassificationConfig(**config)).load(seed)


# sources


def test_sub_folders_are_classes_however_deep_their_images_lie(folders, image_file):
    train = folders("train", {"owl": 4, "cat": 6})
    (Path(train) / "owl" / "old").mkdir()
    (Path(train) / "owl" / "old" / "x.JPG").write_bytes(image_file(99, kind="JPEG"))
    (Path(train) / "owl" / "notes.txt").write_text("no image")
    (Path(train) / ".cache").mkdir()
    (Path(train) / "empty").mkdir()
    test = folders("test", {"owl": 2, "cat": 1}, first=50)

    splits = load(train=train, test=test, search_examples=2)

    assert splits.labels == ("cat", "owl")
    assert Counter(e["label"] for e in splits.test) == {0: 1, 1: 2}
    assert len(splits.train) + len(splits.search) == 11
    assert any(e["name"].endswith("x.JPG") for e in (*splits.train, *splits.search))


def test_numbers_are_sorted_as_numbers(folders):
    data = folders("data", {"10": 3, "9": 3, "-1": 3})
    assert load(train=data, test=data).labels == ("-1", "9", "10")


def test_parquet_files_bring_the_names_of_their_classes(parquet):
    train = parquet("train.parquet", [1, 0] * 6, ["cat", "dog"])
    test = parquet("test.parquet", [1, 1], ["cat", "dog"], first=40)

    splits = load(train=train, test=test, search_examples=2)

    assert splits.labels == ("cat", "dog")
    assert [e["label"] for e in splits.test] == [1, 1]
    assert splits.test[0]["name"] == f"{test}: row 0 (0.png)"


def test_several_parquet_files_are_one_table(parquet, tmp_path):
    (tmp_path / "data").mkdir()
    for part in range(2):
        parquet(f"data/train-{part}.parquet", [0, 1] * 4, ["a", "b"], first=10 * part)
    test = parquet("test.parquet", [0, 1], ["a", "b"], first=40)

    by_folder = load(train=str(tmp_path / "data"), test=test, search_examples=2)
    by_pattern = load(
        train=str(tmp_path / "data" / "train-*.parquet"), test=test, search_examples=2
    )

    assert len(by_folder.train) == 14
    assert by_folder.fingerprint == by_pattern.fingerprint


def test_columns_can_be_chosen(parquet):
    data = parquet("data.parquet", [0, 1] * 6, coarse=[7, 7, 8] * 4)
    assert load(train=data, test=data, label="coarse").labels == ("7", "8")


def test_a_dataset_of_the_hub_gives_undecoded_images(monkeypatch, image_file):
    class Image:
        def __init__(self, decode=True):
            self.decode = decode

    class ClassLabel:
        names = ("cat", "dog")

    class Split:
        def __init__(self, count, first, image=None):
            self.count, self.first = count, first
            self.features = {"image": image or Image(), "label": ClassLabel()}

        def __len__(self):
            return self.count

        def cast_column(self, column, feature):
            assert column == "image"
            return Split(self.count, self.first, feature)

        def __getitem__(self, column):
            if column == "label":
                return [row % 2 for row in range(self.count)]
            assert not self.features["image"].decode
            rows = range(self.first, self.first + self.count)
            return [{"bytes": image_file(row), "path": None} for row in rows]

    module = types.ModuleType("datasets")
    module.load_dataset = lambda *args, **keys: {"train": Split(10, 0), "test": Split(4, 50)}
    monkeypatch.setitem(sys.modules, "datasets", module)

    splits = load(dataset="animals", search_examples=2)

    assert splits.labels == ("cat", "dog")
    assert (len(splits.train), len(splits.search), len(splits.test)) == (8, 2, 4)


# splits


def test_search_is_carved_by_class_and_only_train_is_marked(folders):
    data = folders("data", {"a": 20, "b": 10})

    splits = load(train=data, test=data, search_examples=6)

    assert Counter(e["label"] for e in splits.search) == {0: 4, 1: 2}
    assert all(e["train"] for e in splits.train)
    assert not any("train" in e for e in (*splits.search, *splits.test))
    assert not {e["name"] for e in splits.train} & {e["name"] for e in splits.search}
    assert "0 also occur in search and 24 in test" in splits.description


def test_a_search_split_can_be_given(folders):
    train, search = folders("train", {"a": 5, "b": 5}), folders("search", {"a": 2, "b": 2}, 30)

    splits = load(train=train, search=search, test=train)

    assert (len(splits.train), len(splits.search)) == (10, 4)
    assert "(as given)" in splits.description


def test_fewer_images_are_chosen_by_class_and_seed(folders):
    data = folders("data", {"a": 20, "b": 20})

    first, again, other = (load(seed, train=data, test=data, max_train=10) for seed in (0, 0, 1))

    assert Counter(e["label"] for e in first.train) == {0: 5, 1: 5}
    assert first == again
    assert first.fingerprint != other.fingerprint


def test_the_fingerprint_follows_the_contents(folders, tmp_path, image_file):
    data = folders("data", {"a": 6, "b": 6})
    moved = shutil.copytree(data, tmp_path / "moved")
    before = load(train=data, test=data).fingerprint

    assert load(train=str(moved), test=str(moved)).fingerprint == before
    (Path(data) / "a" / "0.png").write_bytes(image_file(77))
    assert load(train=data, test=data).fingerprint != before


# errors


def test_a_missing_place_is_reported_with_the_setting(tmp_path, folders):
    data = folders("data", {"a": 3, "b": 3})
    with pytest.raises(DataError, match=r"no such folder or file .*--set task\.train=PATH"):
        load(train=str(tmp_path / "gone"), test=data)
    with pytest.raises(DataError, match=r"no file has such a name; .*--set task\.test=PATH"):
        load(train=data, test=str(tmp_path / "gone-*.parquet"))


def test_a_folder_without_images_is_reported(tmp_path, folders):
    data = folders("data", {"a": 3, "b": 3})
    (tmp_path / "none" / "cat").mkdir(parents=True)
    with pytest.raises(DataError, match=r"none: has no images; put those of each class into"):
        load(train=data, test=str(tmp_path / "none"))


def test_a_single_class_is_reported(folders):
    data = folders("data", {"a": 5})
    with pytest.raises(DataError, match="every example has the label 'a'"):
        load(train=data, test=data)


def test_a_class_that_training_lacks_is_reported_by_the_file(folders):
    train, test = folders("train", {"a": 5, "b": 5}), folders("test", {"a": 1, "c": 1}, 20)
    with pytest.raises(
        DataError, match=r"c/0\.png: label 'c' does not occur in the training images \(a, b\)"
    ):
        load(train=train, test=test)


@pytest.mark.parametrize("how", [{"search_examples": 10}, {"search_share": 0.01}])
def test_a_search_split_that_cannot_be_carved_is_reported(folders, how):
    data = folders("data", {"a": 5, "b": 5})
    with pytest.raises(DataError, match=r"task\.search_\w+: .* of 10 training images cannot be"):
        load(train=data, test=data, **how)


def test_unknown_columns_are_reported_with_what_is_there(parquet):
    data = parquet("data.parquet", [0, 1] * 6)
    with pytest.raises(DataError, match=r"has no column 'pic'; it has 'image', 'label': choose"):
        load(train=data, test=data, image="pic")


def test_a_table_without_labels_is_reported(parquet, tmp_path):
    import pyarrow
    from pyarrow import parquet as files

    files.write_table(pyarrow.table({"image": [b"x"], "y": [0]}), tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"no column of a common name for labels; it has 'image'"):
        load(train=str(tmp_path / "data.parquet"), test=str(tmp_path / "data.parquet"))


def test_a_column_of_something_else_is_reported(parquet):
    data = parquet("data.parquet", [0, 1] * 6, numbers=list(range(12)))
    with pytest.raises(DataError, match=r"row 0: holds no image but int; a column with the bytes"):
        load(train=data, test=data, image="numbers")


def test_files_of_different_datasets_are_not_joined(parquet, tmp_path):
    (tmp_path / "data").mkdir()
    parquet("data/a.parquet", [0, 1] * 4, ["a", "b"])
    parquet("data/b.parquet", [0, 1] * 4, ["a", "c"])
    with pytest.raises(DataError, match=r"b\.parquet: has other columns or classes than .*a\.par"):
        load(train=str(tmp_path / "data"), test=str(tmp_path / "data"))


def test_a_file_that_vanishes_is_reported(folders, monkeypatch):
    data = folders("data", {"a": 3, "b": 3})

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"\.png: cannot be read \(Permission denied\)"):
        load(train=data, test=data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"give 'train' and 'test' \(folders or files\), or a 'dataset'"),
        ({"train": "x"}, "give 'train' and 'test'"),
        ({"train": "x", "test": "y", "dataset": "z"}, "give either 'train', 'test' and 'search'"),
        ({"dataset": "x", "crop": 1.5}, "crop"),
        ({"dataset": "x", "threads": 0}, "threads"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageClassificationConfig(**settings)


def test_metadata_that_is_no_features_is_passed_over(parquet):
    import pyarrow.parquet as files

    data = parquet("data.parquet", [0, 1] * 6)
    table = files.read_table(data).replace_schema_metadata({"huggingface": json.dumps([])})
    files.write_table(table, data)
    assert load(train=data, test=data).labels == ("0", "1")

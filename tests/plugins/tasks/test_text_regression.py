"""Numbers for texts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from instatune.errors import DataError
from instatune_plugins.tasks import TextRegressionConfig
from instatune_plugins.tasks.text_regression import TextRegression


def task(**settings) -> TextRegression:
    return TextRegression(TextRegressionConfig(**settings))


def refused(match: str, **settings):
    with pytest.raises(DataError, match=match):
        task(**settings).load(0)


NUMBERS = [i % 6 + 0.5 * (i % 2) for i in range(40)]


@pytest.fixture
def files(write):
    pairs = [f"a {i}\tb {i}\t{number}\n" for i, number in enumerate(NUMBERS)]
    return {
        "train": write("train.tsv", "sentence1\tsentence2\tscore\n" + "".join(pairs)),
        "test": write("test.tsv", "sentence1\tsentence2\tscore\nx\ty\t2.5\nv\tw\t0\n"),
    }


def test_targets_are_standardised_by_the_training_data(files):
    splits = task(**files).load(0)

    mean, std = np.mean(NUMBERS), np.std(NUMBERS)
    both = [*splits.train, *splits.search]
    assert np.mean([e["label"] for e in both]) == pytest.approx(0.0, abs=1e-12)
    assert np.std([e["label"] for e in both]) == pytest.approx(1.0)
    assert splits.test[0]["label"] == pytest.approx((2.5 - mean) / std)
    assert (splits.test[0]["text"], splits.test[0]["pair"]) == ("x", "y")
    assert splits.facts == {"mean": pytest.approx(mean), "std": pytest.approx(std)}
    assert (splits.labels, splits.outputs, splits.n_outputs) == ((), 1, 1)
    assert "targets from 0 to 5.5, mean 2.65, standard deviation" in splits.description


def test_the_carving_follows_from_the_seed_and_the_scale_does_not(files):
    found = [task(**files, max_train=20).load(seed) for seed in (0, 0, 1)]

    assert [len(s.train) for s in found] == [20, 20, 20]
    assert found[0].search == found[1].search != found[2].search
    assert found[0].facts == found[2].facts
    assert found[0].fingerprint == found[1].fingerprint != found[2].fingerprint


def test_a_search_file_takes_the_place_of_carving(files):
    splits = task(**files, search=files["test"]).load(0)

    assert (len(splits.train), len(splits.search)) == (40, 2)
    assert "2 search (as given)" in splits.description


def test_json_lines_hold_numbers_as_such(write):
    rows = "\n".join(json.dumps({"text": f"t{i}", "rating": i}) for i in range(20))
    path = write("a.jsonl", rows)

    assert task(train=path, test=path).load(0).test[19]["span"] == pytest.approx(
        19 / np.std(np.arange(20))
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("good", r"train.csv:3: target 'good' is no number \(column 'score'\); .* task.label=NAME"),
        ("", "train.csv:3: no target"),
        ("nan", "train.csv:3: target 'nan' is no number"),
        ("inf", "train.csv:3: target 'inf' is no number"),
    ],
)
def test_targets_that_are_no_numbers_are_told_with_their_line(write, target, message):
    path = write("train.csv", f"text,score\na,1\nb,{target}\n")

    refused(message, train=path, test=path)


def test_truth_values_are_no_numbers(write):
    path = write("a.jsonl", '{"text": "a", "score": true}\n')

    refused("a.jsonl:1: target True is no number", train=path, test=path)


def test_targets_that_are_all_the_same_teach_nothing(files, write):
    same = write("same.csv", "sentence1,sentence2,score\na,b,-1.0\nc,d,-1\n")

    refused("same.csv: every example has the target -1 .*not withheld", **{**files, "test": same})
    refused("same.csv: every example has the target -1", train=same, test=files["test"])


def test_a_table_without_a_column_of_numbers_is_refused(write):
    path = write("a.csv", "text,this,that\na,1,2\n")

    refused(
        "no column of a common name for labels; it has 'text', 'this', 'that'",
        train=path,
        test=path,
    )


def test_empty_texts_are_refused_or_left_out(files, write):
    path = write("gap.csv", "sentence1,sentence2,score\na,b,1\n,d,2\ne,f,3\n")

    refused("gap.csv:3: no text", **{**files, "test": path})
    assert len(task(**{**files, "test": path}, skip_empty=True).load(0).test) == 2
    empty = write("empty.csv", "sentence1,sentence2,score\n,d,2\n")
    refused("empty.csv: all texts are empty", **{**files, "test": empty}, skip_empty=True)


def test_batches_hold_padded_texts_and_numbers(words):
    examples = [
        {"text": "one", "label": 0.5, "span": 3.0},
        {"text": "two of them", "label": -1.0, "span": 3.0},
    ]
    regression = task(dataset="x")

    features = regression.encode(examples, words())
    batch = regression.collate(features)

    assert batch["input_ids"].tolist() == [[0, 13, 2, 1, 1], [0, 13, 12, 14, 2]]
    assert batch["labels"].tolist() == [0.5, -1.0]
    assert batch["labels"].dtype == batch["span"].dtype == torch.float32
    assert [regression.length(f) for f in features] == [3, 5]


def test_long_texts_are_cut_where_the_model_ends(words):
    examples = [{"text": "a " * 90, "label": 0.0, "span": 1.0}]

    assert len(task(dataset="x").encode(examples, words(limit=20))[0]["input_ids"]) == 20
    assert len(task(dataset="x", max_length=9).encode(examples, words())[0]["input_ids"]) == 9


def test_loss_is_the_squared_error_and_the_score_its_share_of_the_range():
    logits = torch.tensor([[1.0], [0.0], [-9.0]], requires_grad=True)
    batch = {"labels": torch.tensor([1.0, 1.0, 1.0]), "span": torch.full((3,), 4.0)}

    loss, scores = task(dataset="x").loss(logits, batch), task(dataset="x").correct(logits, batch)

    assert loss.item() == pytest.approx(101 / 3)
    assert scores.tolist() == [1.0, 0.75, 0.0]


def test_classifiers_are_refused():
    with pytest.raises(
        DataError, match=r"outputs of shape \[2, 3\] instead of one number for each"
    ):
        task(dataset="x").loss(torch.zeros(2, 3), {"labels": torch.zeros(2)})

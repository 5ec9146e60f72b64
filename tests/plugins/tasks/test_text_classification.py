from __future__ import annotations

from collections import Counter

import pytest

from instatune.errors import DataError
from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.text_classification import TextClassification


def load(seed: int = 0, **settings):
    return TextClassification(TextClassificationConfig(**settings)).load(seed)


def rows(n: int, start: int = 0, labels=("neg", "pos")) -> str:
    return "".join(f"text number {start + i},{labels[i % len(labels)]}\n" for i in range(n))


@pytest.fixture
def files(write):
    return {
        "train": write("train.csv", "sentence,label\n" + rows(40)),
        "test": write("test.csv", "sentence,label\n" + rows(10, 100)),
    }


def refused(match: str, **settings):
    with pytest.raises(DataError, match=match):
        load(**settings)


def test_labels_are_found_and_named(files):
    splits = load(**files)

    assert splits.labels == ("neg", "pos")
    assert splits.test[1] == {"text": "text number 101", "label": 1}


def test_the_search_split_is_carved_from_train_and_test_stays_whole(files):
    splits = load(**files)

    texts = [{e["text"] for e in part} for part in (splits.train, splits.search, splits.test)]
    assert [len(t) for t in texts] == [36, 4, 10]
    assert texts[0] | texts[1] == {f"text number {i}" for i in range(40)}
    assert Counter(e["label"] for e in splits.search) == {0: 2, 1: 2}


def test_the_carving_follows_from_the_seed(files):
    searches = [[e["text"] for e in load(seed, **files).search] for seed in (0, 0, 1)]

    assert searches[0] == searches[1] != searches[2]


def test_the_size_of_the_search_split_can_be_set(files):
    assert len(load(**files, search_examples=11).search) == 11
    assert len(load(**files, search_share=0.25).search) == 10


def test_a_search_file_takes_the_place_of_carving(files, write):
    splits = load(**files, search=write("search.csv", "sentence,label\n" + rows(6, 200)))

    assert (len(splits.train), len(splits.search)) == (40, 6)
    assert "as given" in splits.description


def test_the_first_examples_of_search_are_of_all_classes_even_in_sorted_files(files, write):
    content = "sentence,label\n" + "".join(
        f"t{i},{'neg' if i < 50 else 'pos'}\n" for i in range(100)
    )
    path = write("sorted.csv", content)

    carved = load(**{**files, "train": path}, search_share=0.5)
    given = load(**files, search=path)

    for splits in (carved, given):
        assert {e["label"] for e in splits.search[:15]} == {0, 1}


def test_quick_runs_keep_the_search_split_and_the_balance(files):
    whole, quick = load(**files), load(**files, max_train=10)

    assert quick.search == whole.search
    assert Counter(e["label"] for e in quick.train) == {0: 5, 1: 5}
    assert load(**files, max_train=1000).train == whole.train


def test_numbers_are_sorted_as_numbers(write):
    content = "text,label\n" + rows(44, labels=[str(i) for i in range(11)])

    splits = load(train=write("a.csv", content), test=write("b.csv", content))

    assert splits.labels == tuple(str(i) for i in range(11))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["true", "false"], ("false", "true")),
        (["1.0", "0"], ("0", "1")),
        (["-1", "1"], ("-1", "1")),
        (['" b "', '"a"'], ("a", "b")),
    ],
)
def test_json_labels_are_spelled_as_words(write, values, names):
    lines = "".join(f'{{"text": "t{i}", "label": {values[i % 2]}}}\n' for i in range(20))

    splits = load(train=write("a.jsonl", lines), test=write("b.jsonl", lines))

    assert splits.labels == names


def test_class_names_of_the_source_are_used_in_their_order(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import json

    from pyarrow import parquet

    features = {"label": {"names": ["zebra", "unused", "ape"], "_type": "ClassLabel"}}
    table = pa.table({"text": [f"t{i}" for i in range(20)], "label": [0, 2] * 10})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path = str(tmp_path / "d.parquet")
    parquet.write_table(table.replace_schema_metadata(metadata), path)

    splits = load(train=path, test=path)

    assert splits.labels == ("zebra", "ape")
    assert [e["label"] for e in splits.test[:2]] == [0, 1]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("sentence1,sentence2,label", ("a", "b")),
        ("idx,premise,hypothesis,label", None),
        ("question,sentence,label", ("a", "b")),
    ],
)
def test_pairs_are_found_by_common_names(write, header, expected):
    n = header.count(",")
    body = "".join(f"{','.join(['a', 'b', 'c'][:n])},{i % 2}\n" for i in range(20))

    splits = load(
        train=write("a.csv", f"{header}\n{body}"), test=write("b.csv", f"{header}\n{body}")
    )

    example = splits.test[0]
    assert (example["text"], example["pair"]) == (expected or ("b", "c"))


@pytest.mark.parametrize("header", ["text,kind", "words,label", "Phrase,label"])
def test_the_other_one_of_two_columns_is_found(write, header):
    content = header + "\n" + rows(20)

    splits = load(train=write("a.csv", content), test=write("b.csv", content))

    assert splits.test[0]["text"] == "text number 0"


def test_set_columns_go_before_common_names(write):
    content = "text,title,label,group\n" + "".join(f"x{i},y{i},0,{i % 2}\n" for i in range(20))

    splits = load(
        train=write("a.csv", content),
        test=write("b.csv", content),
        text="title",
        text_pair="text",
        label="group",
    )

    assert splits.test[1] == {"text": "y1", "pair": "x1", "label": 1}


def test_repeated_texts_are_kept_and_told(write):
    train = write("a.csv", "text,label\n" + rows(40))
    test = write("b.csv", "text,label\n" + rows(8))

    splits = load(train=train, test=test)

    shared = sum(int(e["text"].split()[-1]) < 8 for e in splits.train)
    assert 4 <= shared <= 8
    assert f"0 also occur in search and {shared} in test" in splits.description


def test_the_description_tells_sources_sizes_and_balance(files):
    description = load(7, **files).description

    assert files["train"] in description
    assert "36 train, 4 search (carved from train by class, seed 7), 10 test" in description
    assert "neg 50.0 %, pos 50.0 %" in description


def test_the_fingerprint_changes_with_the_data_and_the_carving(files, write):
    prints = {
        load(**files).fingerprint,
        load(1, **files).fingerprint,
        load(**files, max_train=10).fingerprint,
        load(
            train=files["train"], test=write("c.csv", "sentence,label\n" + rows(10, 101))
        ).fingerprint,
    }

    assert len(prints) == 4
    assert load(**files).fingerprint in prints


def test_rows_without_text_can_be_left_out(files, write):
    train = write("gaps.csv", "sentence,label\n" + rows(20) + ",neg\n  ,pos\n")

    splits = load(train=train, test=files["test"], skip_empty=True)

    assert len(splits.train) + len(splits.search) == 20
    assert "2 rows without text left out" in splits.description


# bad input


def test_a_missing_test_file_names_its_own_setting(files):
    refused("--set task.test=PATH", train=files["train"], test="nowhere.csv")


def test_a_missing_column_lists_those_that_are_there(files):
    refused("has no column 'txt'; it has 'sentence', 'label': choose", **files, text="txt")
    refused("has no column 'y'; .*--set task.label=NAME", **files, label="y")
    refused("has no column 'b'", **files, text="sentence", text_pair="b")


def test_unclear_columns_are_not_guessed(write):
    no_text = write("a.csv", "a,b,label\n1,2,3\n")
    no_label = write("b.csv", "text,b,c\n1,2,3\n")

    refused("common name for texts; it has 'a', 'b', 'label'", train=no_text, test=no_text)
    refused("common name for labels; it has 'text', 'b', 'c'", train=no_label, test=no_label)


def test_a_test_file_of_other_columns_is_refused(files, write):
    other = write("other.csv", "review,label\nx,pos\n")

    refused(
        "other.csv: has no column 'sentence' as the training data",
        train=files["train"],
        test=other,
    )


def test_a_single_class_is_refused(files, write):
    train = write("one.csv", "sentence,label\n" + rows(9, labels=["pos"]))

    refused(
        "one.csv: every example has the label 'pos' .*at least two classes",
        train=train,
        test=files["test"],
    )


def test_a_label_unseen_in_training_is_refused_with_its_line(files, write):
    test = write("new.csv", "sentence,label\na,pos\nb,neutral\n")

    refused(
        r"new.csv:3: label 'neutral' is unseen in training \(neg, pos\)",
        train=files["train"],
        test=test,
    )


def test_withheld_labels_are_explained(files, write):
    test = write("hidden.csv", "sentence,label\na,-1\n")

    refused("-1 means that the labels are withheld", train=files["train"], test=test)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_refused_with_its_line(files, write, text):
    train = write("gap.csv", "sentence,label\n" + rows(3) + f"{text},neg\n")

    refused(r"gap.csv:5: no text \(column 'sentence'\)", train=train, test=files["test"])


@pytest.mark.parametrize("value", ["null", "NaN", '""'])
def test_absent_values_in_json_are_refused(write, value):
    good = '{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n'
    base = write("good.jsonl", good * 10)
    no_text = write("t.jsonl", good + f'{{"text": {value}, "label": 1}}\n')
    no_label = write("l.jsonl", good + f'{{"text": "x", "label": {value}}}\n')

    refused("t.jsonl:3: no text", train=base, test=no_text)
    refused("l.jsonl:3: no label", train=base, test=no_label)


def test_an_empty_second_text_names_its_column(write):
    train = write("p.csv", "text1,text2,label\na,b,0\na,,1\n")

    refused(r"p.csv:3: no text \(column 'text2'\)", train=train, test=train)


def test_files_of_nothing_but_empty_texts_are_refused(files, write):
    test = write("void.csv", "sentence,label\n,neg\n")

    refused("void.csv: all texts are empty", train=files["train"], test=test, skip_empty=True)


def test_scores_are_no_classes(write):
    train = write("s.jsonl", '{"text": "a", "label": 0.25}\n')

    refused("s.jsonl:1: label 0.25 is no class", train=train, test=train)


def test_lists_are_no_texts(write):
    train = write("n.jsonl", '{"text": ["a"], "label": 0}\n{"text": "b", "label": 1}\n')

    refused("n.jsonl:1: column 'text' holds list, not text", train=train, test=train)


def test_a_search_split_larger_than_train_is_refused(files):
    refused("task.search_examples: 40 of 40 training examples", **files, search_examples=40)


def test_a_share_that_gives_nothing_is_refused(files):
    refused("task.search_share: 0 of 40 training examples", **files, search_share=0.001)


def test_classes_without_an_example_to_spare_are_refused(write):
    train = write("two.csv", "text,label\na,0\nb,1\n")

    refused("no class has an example to spare", train=train, test=train, search_examples=1)

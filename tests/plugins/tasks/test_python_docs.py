from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import pytest

from instatune.errors import DataError
from instatune_plugins.tasks import PythonDocsConfig
from instatune_plugins.tasks.python_docs import (
    LONGEST,
    SHORTEST,
    PythonDocs,
    distinct,
    examples_of,
    split_of,
)
from instatune_plugins.tasks.python_topics import COMPILED, MODULES, TOPICS, topic_of


@pytest.fixture(scope="module")
def splits():
    return PythonDocs(PythonDocsConfig()).load(0)


@pytest.fixture
def reload(splits, monkeypatch):
    """Load with other settings without parsing the whole library again."""
    examples = sorted(every(splits), key=lambda e: hashlib.sha256(e["text"].encode()).digest())
    monkeypatch.setattr("instatune_plugins.tasks.python_docs.read", lambda library: examples)
    return lambda seed=0, **settings: PythonDocs(PythonDocsConfig(**settings)).load(seed)


def every(splits):
    return [*splits.train, *splits.search, *splits.test]


def test_there_are_thousands_of_examples_of_nine_topics(splits):
    counts = Counter(e["label"] for e in every(splits))

    assert 5_500 < len(every(splits)) < 9_000
    assert set(counts) == set(range(9))
    assert min(counts.values()) > 300
    assert max(counts.values()) < 0.27 * len(every(splits))


def test_shares_of_the_splits_are_as_set(splits):
    n = len(every(splits))

    assert len(splits.test) / n == pytest.approx(0.2, abs=0.02)
    assert len(splits.search) / n == pytest.approx(0.1, abs=0.02)


def test_each_split_has_every_topic(splits):
    for part in (splits.train, splits.search, splits.test):
        assert {e["label"] for e in part} == set(range(9))


def test_no_text_occurs_twice_and_all_are_clean(splits):
    texts = [e["text"] for e in every(splits)]

    assert len(set(texts)) == len(texts)
    assert all(SHORTEST <= len(t) <= LONGEST and t == " ".join(t.split()) for t in texts)


def test_topics_are_mixed_in_the_order(splits):
    first = Counter(e["label"] for e in splits.train[:200])

    assert len(first) == 9


def test_splits_do_not_depend_on_the_seed(splits, reload):
    assert reload(seed=99).fingerprint == splits.fingerprint


def test_another_process_reads_the_same(splits):
    code = (
        "from instatune_plugins.tasks import PythonDocsConfig as C\n"
        "from instatune_plugins.tasks.python_docs import PythonDocs as D\n"
        "print(D(C()).load(0).fingerprint)"
    )
    again = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert again.stdout.strip() == splits.fingerprint


def test_a_larger_search_split_takes_from_train_alone(splits, reload):
    larger = reload(search_share=0.3)

    assert larger.test == splits.test
    assert {e["text"] for e in splits.search} < {e["text"] for e in larger.search}


def test_quick_runs_train_on_less_and_judge_alike(splits, reload):
    quick = reload(max_train=100)

    assert quick.train == splits.train[:100]
    assert (quick.search, quick.test) == (splits.search, splits.test)
    assert quick.fingerprint != splits.fingerprint


def test_the_description_tells_version_and_balance(splits):
    version = ".".join(map(str, sys.version_info[:3]))

    assert f"Python {version}" in splits.description
    assert "(gui 2" in splits.description
    assert f"{len(splits.train):,} train" in splits.description


def test_a_stripped_library_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(PythonDocs, "library", lambda self: tmp_path)

    with pytest.raises(DataError, match=r"only \d+ docstrings .* use a complete Python") as caught:
        PythonDocs(PythonDocsConfig()).load(0)

    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("urllib.parse.quote", "net"),
        ("tkinter.ttk.Button", "gui"),
        ("concurrent.futures", "concurrency"),
        ("builtins.str.find", "text"),
        ("builtins.list.sort", "data"),
        ("builtins.compile", "language"),
        ("math", "math"),
        ("unittest.mock", "testing"),
        ("zipfile", "files"),
        ("zip", None),
        ("distutils.core", None),
        ("", None),
    ],
)
def test_the_longest_prefix_decides_the_topic(name, topic):
    assert topic_of(name) == topic


def test_the_table_is_sound():
    listed = Counter(module for names in MODULES.values() for module in names.split())

    assert set(MODULES) == set(TOPICS)
    assert max(listed.values()) == 1
    assert all(topic_of(module) for module in COMPILED.split())


def test_examples_without_topic_or_of_wrong_length_are_left_out():
    text = "A text of some thirty letters."
    documented = [("math.f", text), ("nothing.f", text), ("math.g", "short"), ("re.f", "x" * 401)]

    assert list(examples_of(documented)) == [{"text": text, "label": 2, "source": "math.f"}]


def test_the_first_of_equal_texts_stays_and_ambiguous_ones_go():
    def example(text, label):
        return {"text": text, "label": label}

    kept = distinct(
        [
            example("Close the file.", 1),
            example("Run it.", 2),
            example("close the file", 1),
            example("Run it", 3),
            example("Run it!", 2),
        ]
    )

    assert kept == [example("Close the file.", 1)]


def test_the_split_of_a_text_never_changes():
    # Golden: another hash would quietly mix the training and test texts of earlier runs.
    found = {text: split_of(text, 0.1) for text in "abcdef"}

    assert found == {
        "a": "train",
        "b": "search",
        "c": "test",
        "d": "test",
        "e": "search",
        "f": "test",
    }

"""Language modelling: what is read, carved, encoded, and scored."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from instatune.errors import DataError
from instatune.testing.tokens import tokenizer
from instatune_plugins.tasks.causal_lm import CausalLM
from instatune_plugins.tasks.causal_lm_config import CausalLMConfig
from instatune_plugins.tasks.causal_lm_text import BLOCK, carve, documents, passages

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "runs"]


def prose(count: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(f"{rng.choice(WORDS)} {i}" for i in range(count))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(prose(2000), encoding="utf-8")
    return str(path)


def task(*files, **settings):
    return CausalLM(CausalLMConfig(train=files, **{"passage": 100, **settings}))


def texts(examples):
    return [example["text"] for example in examples]


# reading and cutting


@given(st.text(alphabet="ab \n", max_size=300), st.integers(16, 80))
def test_passages_hold_the_words_of_a_text_in_order(document, size):
    found = list(passages(document, size))

    assert all(16 <= len(passage) <= size and passage.strip() == passage for passage in found)
    place = 0
    for passage in found:
        place = document.index(passage, place) + len(passage)


def test_passages_end_between_words():
    document = f"{prose(300)} and here is the end."

    assert " ".join(passages(document, 100)) == document


def test_a_text_without_spaces_is_cut_anyway():
    assert [len(passage) for passage in passages("x" * 100, 40)] == [40, 40, 20]


def test_patterns_stand_for_files_in_order_and_archives_are_read(tmp_path):
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "deep").mkdir()
    with gzip.open(tmp_path / "deep" / "c.txt.gz", "wt") as file:
        file.write("third\nline")
    (tmp_path / "a.txt").write_text("first")

    found = list(documents("files", [str(tmp_path / "*.txt"), str(tmp_path / "**" / "*.gz")]))

    assert found == ["first", "second", "third\nline"]


def test_neighbours_stay_together():
    numbered = [str(i) for i in range(50 * BLOCK)]

    rest, carved = carve(numbered, 0.1, "search_share", np.random.default_rng(0))

    assert sorted(map(int, rest + carved)) == list(range(50 * BLOCK))
    assert len(carved) == 5 * BLOCK
    assert {int(text) // BLOCK for text in rest}.isdisjoint(int(t) // BLOCK for t in carved)


def test_the_test_split_is_spread_evenly_and_knows_no_seed(text):
    first, second = task(text).load(0), task(text).load(1)

    assert texts(first.test) == texts(second.test)
    assert texts(first.search) != texts(second.search)
    everything = {*texts(first.train), *texts(first.search), *texts(first.test)}
    assert len(everything) == len(first.train) + len(first.search) + len(first.test)
    assert 0.05 < len(first.test) / len(everything) < 0.15
    assert 0.05 < len(first.search) / len(everything) < 0.15
    assert first.labels == ()


def test_a_test_file_is_taken_whole(text, tmp_path):
    (tmp_path / "test.txt").write_text("an ending that nobody has read before")

    splits = task(text, test=(str(tmp_path / "test.txt"),)).load(0)

    assert texts(splits.test) == ["an ending that nobody has read before"]


def test_quick_runs_train_on_less_but_are_judged_alike(text):
    whole, quick = task(text).load(0), task(text, max_train=10).load(0)

    assert len(quick.train) == 10
    assert set(texts(quick.train)) < set(texts(whole.train))
    assert (quick.search, quick.test) == (whole.search, whole.test)
    assert quick.fingerprint != whole.fingerprint
    assert "10 train" in quick.description


def test_docstrings_of_python_are_a_corpus(tmp_path, monkeypatch):
    library = tmp_path / "lib"
    library.mkdir()
    for module in ("json", "math"):
        doc = prose(300, len(module))
        (library / f"{module}.py").write_text(
            f'"""{doc}"""\ndef f():\n    """Tail of {module}."""\n'
        )
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(library)})

    found = list(documents("python_docs", ()))
    splits = CausalLM(CausalLMConfig(corpus="python_docs", passage=100)).load(0)

    assert len(found) == 2
    assert found[0].endswith("\n\nTail of json.")
    assert splits.description.startswith("docstrings of the standard library of Python")


# encoding


def test_passages_become_tokens_cut_to_the_limit(text):
    examples = [{"text": "abcdef"}, {"text": "x" * 99}]

    features = task(text, max_length=8).encode(examples, tokenizer())
    batch = task(text).collate(features)

    assert [task(text).length(feature) for feature in features] == [6, 8]
    assert batch["input_ids"].shape == (2, 8)
    assert batch["attention_mask"].sum(1).tolist() == [6, 8]
    assert batch["labels"][0].tolist() == [*features[0]["input_ids"].tolist(), -100, -100]


# loss and score


def batch_of(*rows):
    return CausalLM(CausalLMConfig(train=("x",))).collate(
        [{"input_ids": np.array(row), "pad": 0} for row in rows]
    )


def test_each_token_is_predicted_from_those_before_it():
    batch = batch_of([5, 3, 4, 1], [2, 6])
    logits = torch.zeros(2, 4, 7)
    logits[0, 0, 3] = logits[0, 1, 4] = logits[0, 2, 0] = logits[1, 0, 6] = 9.0

    assert task("x").correct(logits, batch).tolist() == pytest.approx([2 / 3, 1.0])


def test_the_loss_is_the_mean_over_all_tokens():
    batch = batch_of([5, 3, 4, 1], [2, 6])
    logits = torch.randn(2, 4, 7, generator=torch.Generator().manual_seed(0))
    spelled = [
        -float(functional.log_softmax(logits[row, place], -1)[word])
        for row, place, word in ((0, 0, 3), (0, 1, 4), (0, 2, 1), (1, 0, 6))
    ]

    assert float(task("x").loss(logits, batch)) == pytest.approx(sum(spelled) / 4)
    assert float(task("x").loss(torch.zeros(2, 4, 7), batch)) == pytest.approx(math.log(7))


def test_what_stands_at_padding_changes_nothing():
    batch = batch_of([5, 3, 4, 1], [2, 6])
    logits = torch.randn(2, 4, 7, generator=torch.Generator().manual_seed(0))
    other = logits.clone()
    other[1, 1:] = 100.0

    assert torch.equal(task("x").loss(logits, batch), task("x").loss(other, batch))
    assert torch.equal(task("x").correct(logits, batch), task("x").correct(other, batch))


def test_a_teacher_is_asked_anew_for_every_batch():
    assert not task("x").deterministic


# errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give text files as 'train', or corpus: python_docs"),
        ({"corpus": "python_docs", "train": ("a",)}, "give either files .* or corpus: python_docs"),
        ({"train": ("a",), "passage": 2}, "'passage' must be >= 16"),
        ({"train": ("a",), "max_length": 1}, "'max_length' must be >= 2"),
        ({"train": ("a",), "test_share": 1.0}, "'test_share' must be < 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CausalLMConfig(**settings)


def test_a_missing_file_is_an_error():
    with pytest.raises(DataError, match=r"gone\.txt: no such file .*--set task\.train=\[PATH\]"):
        task("gone.txt").load(0)


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"is a folder; write .*/\*\*/\*\.txt"):
        task(str(tmp_path)).load(0)


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    (tmp_path / "image.txt").write_bytes(b"fine\n\xff\xfe\x00")

    with pytest.raises(DataError, match=r"image\.txt:2: byte 0xff at position 0 is not UTF-8"):
        task(str(tmp_path / "image.txt")).load(0)


def test_an_empty_text_is_an_error(tmp_path):
    (tmp_path / "empty.txt").write_text(" \n ")

    with pytest.raises(DataError, match=r"empty\.txt: holds no text; give files with some"):
        task(str(tmp_path / "empty.txt")).load(0)


@pytest.mark.parametrize("setting", ["test_share", "search_share"])
def test_too_little_text_is_an_error(tmp_path, setting):
    (tmp_path / "short.txt").write_text(prose(30))

    with pytest.raises(DataError, match=rf"task\.{setting}: 0\.9 of \d passages leaves nothing"):
        task(str(tmp_path / "short.txt"), **{setting: 0.9}).load(0)


def test_a_library_without_sources_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(tmp_path)})

    with pytest.raises(DataError, match=r"no docstrings in the standard library; its \.py files"):
        list(documents("python_docs", ()))


def test_outputs_of_a_classifier_are_an_error():
    with pytest.raises(DataError, match=r"shape \[2, 3\] instead of a guess at each token; use an"):
        task("x").loss(torch.zeros(2, 3), batch_of([1, 2], [3, 4]))


def test_an_adapter_without_tokenizer_is_an_error():
    with pytest.raises(DataError, match="the adapter gives no tokenizer; use one for text"):
        task("x").encode([{"text": "a"}], None)


def test_a_tokenizer_that_makes_nothing_is_an_error():
    class Mute:
        model_max_length, pad_token_id = 64, None

        def __call__(self, texts, **options):
            return {"input_ids": [[1] for _ in texts]}

    with pytest.raises(DataError, match=r"makes 1 token of 'abc'\.\.\., where nothing can be"):
        task("x").encode([{"text": "abc"}], Mute())

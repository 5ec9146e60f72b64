"""Questions of all lengths, with images, and the tokenizers that cut them."""

from __future__ import annotations

import sys

import pytest
import torch

from instatune.errors import CheckpointError, DataError
from instatune_plugins.adapters.beit3 import Beit3Adapter


def adapter():
    return Beit3Adapter()


@torch.no_grad()
def test_padding_changes_no_answer(beit3):
    model, batch = beit3.make(), beit3.batch(lengths=(3, 5, 8))
    together = adapter().logits(model, batch)

    for row, length in enumerate((3, 5, 8)):
        alone = {
            "pixel_values": batch["pixel_values"][row : row + 1],
            "input_ids": batch["input_ids"][row : row + 1, :length],
        }
        assert (adapter().logits(model, alone) - together[row]).abs().max() <= 1e-5


@torch.no_grad()
def test_answers_depend_on_the_image_on_the_question_and_on_the_order_of_words(beit3):
    model, batch = beit3.make(), beit3.batch(lengths=(8, 8))
    expected = adapter().logits(model, batch)
    for name in ("pixel_values", "input_ids"):
        changed = {**batch, name: batch[name].flip(-1)}
        assert (adapter().logits(model, changed) - expected).abs().max() > 1e-3, name


def test_a_question_that_is_too_long_is_refused(beit3):
    batch = beit3.batch(lengths=(11,))
    with pytest.raises(DataError, match=r"11 tokens, but the model has positions for 10; cut text"):
        adapter().logits(beit3.make(), batch)


def test_images_of_another_size_are_refused(beit3):
    batch = {**beit3.batch(), "pixel_values": torch.zeros(3, 3, 16, 24)}
    with pytest.raises(DataError, match=r"images are \[3, 16, 24\], the model takes \[3, 16, 16\]"):
        adapter().logits(beit3.make(), batch)


def test_a_task_without_questions_is_refused(beit3):
    with pytest.raises(DataError, match=r"the task asks none; choose task 'vqa', or set head: im"):
        adapter().logits(beit3.make(), beit3.batch(text=False))


def test_tokenizers_cut_where_positions_end(beit3, tmp_path):
    processor = adapter().processor(str(beit3.write(tmp_path / "c")))

    rows = processor["tokenizer"](["what is it ? " * 9], truncation=True)

    assert rows["input_ids"][0][-1] == 2
    assert len(rows["input_ids"][0]) == 10
    assert processor["image"]["input_size"] == (3, 16, 16)


def test_a_sentencepiece_vocabulary_is_read_in_the_order_of_xlm_r(beit3, tmp_path):
    pytest.importorskip("google.protobuf")
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = beit3.write(tmp_path / "c", vocab_size=64, max_position_embeddings=64)
    (folder / "tokenizer.json").unlink()
    text = tmp_path / "text.txt"
    text.write_text("what colour is the circle?\nis it red?\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(tmp_path / "m"), vocab_size=20, minloglevel=9
    )
    (tmp_path / "m.model").rename(folder / "beit3.spm")
    oracle = sentencepiece.SentencePieceProcessor(model_file=str(folder / "beit3.spm"))

    found = adapter().processor(str(folder))["tokenizer"]
    for question in ("what colour is the circle?", "is it RED ½", "ｗhat  is it"):
        pieces = oracle.encode(question)
        # fairseq puts <pad> among the special tokens; 0 is sentencepiece's unknown piece
        expected = [0, *(piece + 1 if piece else 3 for piece in pieces), 2]
        assert found(question)["input_ids"] == expected


def test_a_sentencepiece_vocabulary_needs_its_packages(beit3, tmp_path, monkeypatch):
    folder = beit3.write(tmp_path / "c")
    (folder / "tokenizer.json").unlink()
    (folder / "beit3.spm").write_bytes(b"")
    for module in ("sentencepiece", "sentencepiece.sentencepiece_model_pb2"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CheckpointError, match="needs the packages sentencepiece and protobuf; pip"):
        adapter().processor(str(folder))


def test_tokenizers_that_do_not_serve_are_refused(beit3, tmp_path):
    folder = beit3.write(tmp_path / "c", vocab_size=8)
    with pytest.raises(
        CheckpointError, match=r"its tokenizer knows 9 words, the model 8; give the"
    ):
        adapter().processor(str(folder))
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(
        CheckpointError, match=r"its tokenizer cannot be read \(.*copy tokenizer\.j"
    ):
        adapter().processor(str(folder))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no tokenizer; put tokenizer\.json or the auth"):
        adapter().processor(str(folder))

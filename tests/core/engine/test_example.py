from __future__ import annotations

import json

import pytest
import torch

from instatune.engine.example import example_batch, stretched
from instatune.engine.threads import torch_threads
from instatune.errors import DataError
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune.testing import tiny
from instatune.testing.tokens import tokenizer


def features(*lengths):
    return [{"tokens": [i % 3] * n, "label": 0} for i, n in enumerate(lengths)]


def task(name, **settings):
    from instatune.interfaces import Task

    entry = discover()["tasks"].find(name).entry
    return load_target(entry, Task)(entry.config(**settings) if entry.config else None)


def sizes(batch):
    return {name: tuple(tensor.shape) for name, tensor in batch.items()}


class TestTiny:
    def test_typical_examples_are_those_of_middle_length(self):
        batch = example_batch(tiny.TinyTask(), features(4, 9, 5, 6, 30), 3)

        assert batch["attention_mask"].sum(dim=1).tolist() == [5, 6, 9]

    def test_a_length_is_filled_with_real_tokens(self):
        batch = example_batch(tiny.TinyTask(), features(4, 9, 5, 6), 2, 12)

        assert sizes(batch) == {"input_ids": (2, 12), "attention_mask": (2, 12), "labels": (2,)}
        assert batch["attention_mask"].all()
        assert batch["input_ids"].tolist() == [[1] * 12, [0] * 12]  # of the longest two

    def test_a_short_split_is_repeated(self):
        batch = example_batch(tiny.TinyTask(), features(4, 5), 5)

        assert batch["attention_mask"].sum(dim=1).tolist() == [4, 5, 4, 5, 4]
        assert len(example_batch(tiny.TinyTask(), features(4, 5), 5, 3)["labels"]) == 5

    def test_it_is_always_the_same(self):
        found = [tiny.TinyBench().example(7, 5) for _ in range(2)]

        assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])

    def test_no_example_is_refused(self):
        with pytest.raises(DataError, match="no example to try the model with; give the split"):
            example_batch(tiny.TinyTask(), [], 1)

    def test_the_bench_of_contracts_runs_it(self):
        bench = tiny.TinyBench()
        batch = bench.example(2, 40)
        architecture = bench.space.smallest

        logits = bench.forward(bench.extracted(architecture), batch)

        assert logits.shape == (2, 3)
        run = bench.runner(architecture, "tiny", 1)
        torch.testing.assert_close(run(batch), logits)


class TestStretched:
    def test_tokens_are_repeated_in_turn_without_padding(self):
        batch = {
            "input_ids": torch.tensor([[1, 2, 3, 0], [4, 5, 0, 0]]),
            "attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]]),
            "labels": torch.tensor([[1, 2, 3, -100], [4, 5, -100, -100]]),
        }

        found = stretched(batch, 5)

        assert found["input_ids"].tolist() == [[1, 2, 3, 1, 2], [4, 5, 4, 5, 4]]
        assert found["labels"].tolist() == found["input_ids"].tolist()
        assert found["attention_mask"].all()

    def test_tokens_are_cut(self):
        assert stretched({"input_ids": torch.arange(9)[None]}, 4)["input_ids"].tolist() == [
            [0, 1, 2, 3]
        ]

    def test_padding_on_the_left_goes_too(self):
        batch = {
            "input_ids": torch.tensor([[0, 0, 7, 8]]),
            "attention_mask": torch.tensor([[0, 0, 1, 1]]),
        }
        assert stretched(batch, 3)["input_ids"].tolist() == [[7, 8, 7]]

    def test_a_row_without_any_token_keeps_its_length(self):
        batch = {
            "input_ids": torch.tensor([[5, 5]]),
            "attention_mask": torch.zeros(1, 2, dtype=torch.int64),
        }
        assert sizes(stretched(batch, 3)) == {"input_ids": (1, 3), "attention_mask": (1, 3)}


class TestRealTasks:
    @pytest.fixture
    def texts(self, tmp_path):
        rows = [{"text": "ab " * (1 + i % 9), "label": "xy"[i % 2]} for i in range(40)]
        lines = "\n".join(json.dumps(row | {"text": f"{i} {row['text']}"}) for i, row in
                          enumerate(rows))  # fmt: skip
        for name in ("train", "test"):
            (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        return {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "test")}

    @pytest.mark.parametrize("length", [7, 50])
    def test_texts(self, texts, length):
        made = task("text_classification", **texts)
        encoded = made.encode(made.load(0).search, tokenizer())

        batch = example_batch(made, encoded, 3, length)

        assert batch["input_ids"].shape == (3, length)
        assert batch["attention_mask"].all()
        assert batch["labels"].shape == (3,)

    def test_language_models(self, tmp_path):
        (tmp_path / "text.txt").write_text("\n".join(f"line {i} of text" for i in range(200)))
        made = task("causal_lm", train=(str(tmp_path / "text.txt"),), passage=40)
        encoded = made.encode(made.load(0).search, tokenizer())

        batch = example_batch(made, encoded, 2, 55)

        assert sizes(batch) == dict.fromkeys(("input_ids", "attention_mask", "labels"), (2, 55))
        assert torch.equal(batch["labels"], batch["input_ids"])  # nothing is padding

    def test_choices_are_another_axis(self, tmp_path):
        for name in ("train", "test"):
            rows = (
                {"question": f"{name} {i}?", "choices": ["yes", "nobody", "it"], "answer": i % 3}
                for i in range(40)
            )
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
        files = {n: str(tmp_path / f"{n}.jsonl") for n in ("train", "test")}
        made = task("multiple_choice", **files, search_examples=6)
        encoded = made.encode(made.load(0).search, tokenizer())

        batch = example_batch(made, encoded, 2, 20)

        assert batch["input_ids"].shape == batch["targets"].shape == (2, 3, 20)
        assert batch["sizes"].shape == (2, 3)

    def test_images_have_no_tokens(self):
        pytest.importorskip("timm")
        made = task("digits")
        processor = {
            "input_size": (3, 16, 16),
            "mean": (0.5,) * 3,
            "std": (0.5,) * 3,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
        }
        encoded = made.encode(made.load(0).search[:20], processor)

        assert example_batch(made, encoded, 2)["pixel_values"].shape == (2, 3, 16, 16)
        with pytest.raises(DataError) as caught:
            example_batch(made, encoded, 2, 16)
        assert "examples of this task have no tokens (labels, pixel_values)" in str(caught.value)
        assert "leave the number of tokens out" in str(caught.value)

    def test_images_with_questions_stretch_the_question_alone(self):
        ids = torch.tensor([[1, 2, 0]])
        batch = {"pixel_values": torch.zeros(1, 3, 4, 4), "input_ids": ids,
                 "attention_mask": torch.tensor([[1, 1, 0]]), "labels": torch.tensor([0]),
                 "answers": torch.tensor([[3]]), "worths": torch.ones(1, 1)}  # fmt: skip

        found = stretched(batch, 4)

        assert found["input_ids"].tolist() == [[1, 2, 1, 2]]
        assert found["pixel_values"] is batch["pixel_values"]
        assert found["answers"] is batch["answers"]


def test_threads_of_torch_are_put_back_even_after_an_error():
    before = torch.get_num_threads()
    seen = []

    def fail():
        with torch_threads(before + 1):
            seen.append(torch.get_num_threads())
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()

    assert seen == [before + 1]
    assert torch.get_num_threads() == before

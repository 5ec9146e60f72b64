"""Where questions come from, what their answers are worth, and what can be wrong with them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from instatune.errors import DataError
from instatune_plugins.tasks import VqaConfig
from instatune_plugins.tasks.vqa import Vqa
from instatune_plugins.tasks.vqa_answers import scores
from instatune_plugins.tasks.vqa_lines import Line, spelled


def load(seed=0, **config):
    return Vqa(VqaConfig(**config)).load(seed)


def batch_of(task, examples, processor):
    return task.collate(task.encode(examples, processor))


# worth of answers


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=2, max_size=12))
def test_an_answer_is_worth_a_third_of_those_who_gave_it_and_at_most_one(answers):
    found = scores(Line(image="", question="", answers=tuple(answers), place=""))
    assert found == {a: min(n / 3, 1.0) for a, n in Counter(answers).items()}


def test_a_single_answer_is_right():
    assert scores(Line(image="", question="", answers=("a",), place="")) == {"a": 1.0}


def test_answers_are_one_however_they_are_spelled():
    assert spelled("  A  Cat. ") == spelled("a cat") == "a cat"
    assert spelled("3.5") == "3.5"


def test_accuracy_is_the_worth_of_the_answer_that_is_given(write, processor):
    answers = ["cat", "cat", "cat", "cat", "lynx", "lynx", "dog", "owl", "owl", "owl"]
    row = {"image": "a.png", "question": "what?", "answers": answers}
    train = write("train.jsonl", [row, {**row, "image": "b.png", "answers": ["mouse"] * 10}])
    task = Vqa(VqaConfig(train=train, test=train, search=train))
    splits = task.load(0)
    batch = batch_of(task, splits.test[:1] * 5, processor)
    given_answers = ["cat", "owl", "lynx", "dog", "mouse"]

    logits = torch.stack(
        [9.0 * functional.one_hot(torch.tensor(splits.labels.index(a)), 5) for a in given_answers]
    )

    expected = torch.tensor([1.0, 1.0, 2 / 3, 1 / 3, 0.0])
    torch.testing.assert_close(task.correct(logits, batch), expected)


def test_soft_targets_are_learned_by_binary_cross_entropy(votes, processor):
    task = Vqa(VqaConfig(**votes))
    splits = task.load(0)
    batch = batch_of(task, splits.test, processor)
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    wanted = torch.zeros(3, 4)
    for row, said in enumerate(
        ({"red": 1, "dark red": 1 / 3}, {"blue": 1}, {"green": 1, "blue": 1 / 3})
    ):
        for answer, worth in said.items():
            wanted[row, splits.labels.index(answer)] = worth

    expected = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")

    torch.testing.assert_close(task.loss(logits, batch), expected.sum(1).mean())
    hard = Vqa(VqaConfig(**votes, loss="cross_entropy"))
    batch = batch_of(hard, hard.load(0).test, processor)
    expected = functional.cross_entropy(logits, wanted.argmax(1))
    torch.testing.assert_close(hard.loss(logits, batch), expected)


def test_single_answers_are_learned_by_cross_entropy_unless_asked(shapes, processor):
    logits = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    for loss, soft in (("auto", False), ("bce", True)):
        task = Vqa(VqaConfig(**shapes, loss=loss))
        batch = batch_of(task, task.load(0).test, processor)
        target = functional.one_hot(batch["labels"], 5).float()
        expected = (
            functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 8
            if soft
            else functional.cross_entropy(logits, batch["labels"])
        )
        torch.testing.assert_close(task.loss(logits, batch), expected)


# vocabulary


def test_the_most_frequent_answers_can_be_given_and_others_count_as_wrong(write, processor):
    def rows(answers, prefix):
        return [
            {"image": f"{prefix}{i}.png", "question": "what?", "answer": answer}
            for i, answer in enumerate(answers)
        ]

    train = write("train.jsonl", rows(["cat"] * 4 + ["dog"] * 3 + ["owl", "ant"], "a"))
    test = write("test.jsonl", rows(["cat", "owl", "zebra", "dog"], "b"))
    task = Vqa(VqaConfig(train=train, test=test, search=train, answers=2))

    splits = task.load(0)
    batch = batch_of(task, splits.test, processor)

    assert splits.labels == ("cat", "dog")
    assert len(splits.train) == 7
    assert len(splits.search) == 9
    assert [e["label"] for e in splits.test] == [0, -1, -1, 1]
    for answer in range(2):
        logits = 9.0 * functional.one_hot(torch.full((4,), answer), 2).float()
        assert task.correct(logits, batch).tolist() == [answer == 0, 0, 0, answer == 1]
        assert task.loss(logits, batch).isfinite()
    text = splits.description
    assert "2 training questions without a known answer are left out" in text
    assert "2 of search and 2 of test count as wrong" in text
    assert "always answering 'cat', the most frequent one, scores 25.0 % in test" in text


def test_batches_of_unknown_answers_alone_cost_nothing(write, processor):
    row = {"image": "a.png", "question": "what?"}
    train = write("train.jsonl", [{**row, "answer": a} for a in ("cat", "dog")])
    test = write("test.jsonl", [{**row, "answer": "ant"}])
    task = Vqa(VqaConfig(train=train, test=test, search=train))
    batch = batch_of(task, task.load(0).test, processor)
    logits = torch.zeros(1, 2, requires_grad=True)
    assert task.loss(logits, batch) == 0
    assert task.correct(logits, batch).tolist() == [0]


def test_equally_frequent_answers_have_a_fixed_order(shapes):
    assert load(**shapes).labels == ("no", "yes", "blue", "green", "red")


# splits


def test_search_and_train_share_no_image(shapes):
    splits = load(**shapes, search_examples=5)
    images = [{e["image"] for e in part} for part in (splits.train, splits.search)]
    assert not images[0] & images[1]
    assert len(splits.search) == 6  # whole images, two questions each
    assert len(splits.train) == 18
    assert load(**shapes, search_examples=5).fingerprint == splits.fingerprint
    assert load(seed=1, **shapes, search_examples=5).fingerprint != splits.fingerprint


def test_training_can_be_cut_to_a_few_questions(shapes):
    assert len(load(**shapes, max_train=5).train) == 5


@pytest.mark.parametrize("change", ["image", "question", "answer"])
def test_the_fingerprint_follows_all_that_is_read(shapes, write, change):
    before = load(**shapes).fingerprint
    row = {"image": "b/0.png", "question": "what colour is it?", "answer": "red"}
    rows = [json.loads(line) for line in Path(shapes["test"]).read_text().splitlines()]
    assert rows[0] == row
    rows[0] = {**row, change: {"image": "c.png", "question": "what?", "answer": "blue"}[change]}
    write("test.jsonl", rows)
    assert load(**shapes).fingerprint != before


def test_answers_of_vqa_v2_and_numbers_are_read(write):
    row = {"image": "a.png", "question": "how many?"}
    wrapped = [{"answer": "2", "answer_confidence": "yes"}] * 3 + [{"answer": "two"}]
    train = write("train.jsonl", [{**row, "answers": wrapped}, "", {**row, "answer": 2}])
    splits = load(train=train, test=train, search=train)
    assert splits.labels == ("2", "two")
    assert splits.test[1]["answers"] == ((0, 1.0),)


def test_images_may_lie_elsewhere(write, tmp_path):
    rows = [{"image": f"{i}.png", "question": "?", "answer": str(i % 2)} for i in range(6)]
    (tmp_path / "pictures").mkdir()
    write("x.jsonl", [{**row, "image": f"pictures/{row['image']}"} for row in rows])
    (tmp_path / "questions").mkdir()
    file = tmp_path / "questions" / "q.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))

    splits = load(train=str(file), test=str(file), images=str(tmp_path / "pictures"))

    assert len(splits.train) + len(splits.search) == 6


# batches


def test_questions_are_cut_and_padded(shapes, processor):
    task = Vqa(VqaConfig(**shapes, max_length=12, pad_multiple=8))
    features = task.encode(task.load(0).test[:2], processor)
    batch = task.collate(features)

    assert [task.length(f) for f in features] == [12, 12]
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 16)
    assert batch["attention_mask"].sum(1).tolist() == [12, 12]
    assert batch["pixel_values"].shape == (2, 3, 8, 8)
    assert batch["labels"].dtype == torch.int64


def test_an_image_with_several_questions_is_checked_once(shapes, processor, monkeypatch):
    from instatune_plugins.tasks import images_classifier

    seen = []
    decode = images_classifier.decode
    monkeypatch.setattr(images_classifier, "decode", lambda *a: (seen.append(a[0]), decode(*a))[1])
    task = Vqa(VqaConfig(**shapes, threads=1))
    test = task.load(0).test

    features = task.encode(test, processor)

    assert len(features) == 8
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize("prepared", [None, {"input_size": (3, 8, 8)}])
def test_models_without_questions_are_refused(shapes, prepared):
    task = Vqa(VqaConfig(**shapes))
    with pytest.raises(
        DataError, match="takes no images with questions; choose an adapter for bot"
    ):
        task.encode(task.load(0).test, prepared)


def test_models_with_questions_are_refused_by_tasks_without(tmp_path, write, processor):
    from instatune_plugins.tasks import ImageClassificationConfig
    from instatune_plugins.tasks.image_classification import ImageClassification

    write("x.jsonl", [{"image": f"data/{i % 2}/{i}.png"} for i in range(8)])
    data = str(tmp_path / "data")
    task = ImageClassification(ImageClassificationConfig(train=data, test=data, search=data))
    with pytest.raises(DataError, match="wants a question with each image; choose task 'vqa', or"):
        task.encode(task.load(0).test, processor)


def test_a_truncated_image_is_found_before_training(shapes, processor):
    task = Vqa(VqaConfig(**shapes))
    test = task.load(0).test
    image = Path(test[2]["image"])
    image.write_bytes(image.read_bytes()[:40])
    with pytest.raises(DataError, match=r"1\.png \(.*test\.jsonl:3\): damaged, or no image"):
        task.encode(test, processor)


def test_grey_images_are_made_colourful(shapes, processor):
    from PIL import Image

    task = Vqa(VqaConfig(**shapes))
    test = task.load(0).test
    Image.new("L", (9, 9), 128).save(test[0]["image"])
    assert batch_of(task, test, processor)["pixel_values"].shape == (8, 3, 8, 8)


# errors

ROW = {"image": "a.png", "question": "what?", "answer": "x"}


def without(key):
    return {k: v for k, v in ROW.items() if k != key}


BAD = {
    "json": ('{"image": ', r"train\.jsonl:2: not JSON \(.*\); write one object per line, like"),
    "list": ("[1]", r"train\.jsonl:2: a JSON list, not an object"),
    "no image": (without("image"), r"train\.jsonl:2: 'image' is missing; a line is like"),
    "no question": (without("question"), r"train\.jsonl:2: 'question' is missing"),
    "empty": ({**ROW, "question": "  "}, r"train\.jsonl:2: 'question' is empty"),
    "number": ({**ROW, "question": 3}, r"train\.jsonl:2: 'question' is a int, not text"),
    "gone": (
        json.dumps({**ROW, "image": "gone.png"}),
        r"train\.jsonl:2: there is no image .*gone\.png; correct the line, or say where",
    ),
    "no answer": (without("answer"), r"train\.jsonl:2: has no answer; give 'answer', or 'answers'"),
    "both": ({**ROW, "answers": ["x"]}, r"train\.jsonl:2: has both 'answer' and 'answers'"),
    "nobody": ({**without("answer"), "answers": []}, r"'answers' is \[\]; a list is right"),
    "word": ({**without("answer"), "answers": "x"}, r"'answers' is \"x\"; a list is right"),
    "blank": ({**ROW, "answer": " . "}, r"train\.jsonl:2: answer \" \. \" is none; words or a num"),
    "truth": ({**ROW, "answer": True}, r"train\.jsonl:2: answer true is none"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_gives_one_clear_error(write, case):
    row, message = BAD[case]
    train = write("train.jsonl", [ROW, row])
    with pytest.raises(DataError, match=message) as caught:
        load(train=train, test=train)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_are_named_with_their_setting(write, tmp_path):
    train = write("train.jsonl", [ROW, {**ROW, "answer": "y"}])
    with pytest.raises(DataError, match=r"no such file .*`--set task\.test=PATH`"):
        load(train=train, test=str(tmp_path / "gone.jsonl"))
    with pytest.raises(DataError, match=r"is not a file .*`--set task\.train=PATH`"):
        load(train=str(tmp_path), test=train)
    with pytest.raises(DataError, match=r"no such folder .*`--set task\.images=FOLDER`"):
        load(train=train, test=train, images=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"has no questions; write one in each line, like"):
        load(train=write("empty.jsonl", [""]), test=train)


def test_what_cannot_be_learned_or_carved_is_refused(write):
    same = write("same.jsonl", [ROW, ROW])
    with pytest.raises(DataError, match="every question has the answer 'x'; there is nothing to"):
        load(train=same, test=same)
    one = write("one.jsonl", [ROW, {**ROW, "answer": "y"}])
    with pytest.raises(
        DataError, match=r"task\.search_share: 0 of 2 training questions about 1 im"
    ):
        load(train=one, test=one)
    with pytest.raises(DataError, match=r"task\.search_examples: 2 of 2 training questions"):
        load(train=one, test=one, search_examples=2)

"""Questions with choices: reading them, laying prompt and choice in rows, loss and score."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import DataError
from instatune.testing.tokens import tokenizer
from instatune_plugins.adapters.llama import Llama
from instatune_plugins.tasks.multiple_choice import IGNORED, MultipleChoice
from instatune_plugins.tasks.multiple_choice_config import MultipleChoiceConfig


def task(**settings) -> MultipleChoice:
    return MultipleChoice(MultipleChoiceConfig(**{"dataset": "none", **settings}))


def load(path: str, seed: int = 0, **settings):
    files = {"dataset": None, "train": path, "test": path, "search_examples": 1}
    return task(**{**files, **settings}).load(seed)


ROW = {"question": "How many?", "choices": ["one", "two", "three"], "answer": 1}


@pytest.fixture
def rows(write):
    def put(*changes: dict) -> str:
        lines = [json.dumps({**ROW, **change}) for change in (changes or ({}, {}))]
        return write("a.jsonl", "\n".join(lines))

    return put


# reading


@pytest.mark.parametrize("answer", [1, "1", "two", " two ", "B"])
def test_answers_are_indices_texts_or_letters(rows, answer):
    splits = load(rows({"answer": answer}, {}))

    want = {"question": "How many?", "choices": ("one", "two", "three"), "answer": 1}
    assert splits.test[0] == want
    assert splits.train == [{**want, "train": True}]
    assert (splits.labels, splits.n_outputs) == ((), 0)
    assert "2 test questions of 3 choices; 1 training questions also" in splits.description


def test_choices_may_carry_their_own_names(rows):
    choices = {"text": ["x", "y"], "label": ["1", "2"]}  # as ARC has them, which count from 1

    assert load(rows({"choices": choices, "answer": "2"}, {})).test[0]["answer"] == 1


def test_columns_are_found_by_common_names_or_named(write):
    hellaswag = {"ctx": "He", "endings": ["sits", "runs"], "label": "1"}
    other = {"a": "He", "b": ["sits", "runs"], "c": 0}
    first = write("a.jsonl", "\n".join([json.dumps(hellaswag)] * 2))
    second = write("b.jsonl", "\n".join([json.dumps(other)] * 2))

    assert load(first).test[0] == {"question": "He", "choices": ("sits", "runs"), "answer": 1}
    assert load(second, question="a", choices="b", answer="c").test[0]["answer"] == 0
    with pytest.raises(
        DataError, match=r"no column of a common name for question; it has 'a', 'b'"
    ):
        load(second)
    with pytest.raises(DataError, match=r"b\.jsonl: has no column 'ctx' as the training data"):
        load(first, test=second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer": 3},
            r"a.jsonl:2: answer 3 \(column 'answer'\) is out of range; the choices count"
            " from 0 to 2",
        ),
        ({"answer": -1}, "answer -1 .* is out of range; -1 means that answers are withheld"),
        ({"answer": "four"}, "answer 'four' .* is none of the choices; give the text of one"),
        ({"answer": True}, "answer True .* is none of the choices"),
        ({"answer": None}, "answer None"),
        ({"choices": ["a", "a"], "answer": "a"}, "answer 'a' .* is none"),
        ({"choices": ["one"]}, "a.jsonl:2: column 'choices' does not hold two or more texts"),
        ({"choices": "one two"}, "does not hold two or more texts"),
        ({"choices": ["one", " "]}, "does not hold two or more texts"),
        ({"question": " "}, "a.jsonl:2: no question"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(rows, change, message):
    with pytest.raises(DataError, match=message):
        load(rows({}, change))


def test_an_empty_file_is_refused(write):
    with pytest.raises(DataError, match=r"a\.jsonl: has no rows"):
        load(write("a.jsonl", ""))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": None}, "give the files 'train' and 'test', or the name of a 'dataset'"),
        ({"train": "a"}, "give either files"),
        ({"prompt": "Answer:"}, "'prompt' does not say where the question stands"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        task(**settings)


# rows of tokens


def decoded(processor, features, row):
    """The part of a row that is to be predicted."""
    target = features["targets"][row]
    return processor.decode(features["rows"][row][target != IGNORED])


@given(
    st.text("ab é?\n", min_size=1).filter(str.strip),
    st.lists(st.text("xyz ü", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=4),
)
def test_what_is_predicted_is_the_choice_behind_a_space(question, choices):
    """Bytes as tokens: the predicted tokens spell the choice, whatever the prompt."""
    processor = tokenizer(4000)
    example = {"question": question.strip(), "choices": tuple(choices), "answer": 0}

    (found,) = task(max_length=4000).encode([example], processor)

    for row, choice in enumerate(choices):
        assert decoded(processor, found, row) == " " + choice
        whole = processor.decode(found["rows"][row])
        assert whole == f"{question.strip()} {choice}"
    assert found["sizes"] == [len(choice.encode()) for choice in choices]


def test_prompt_and_delimiter_can_be_set():
    processor = tokenizer()
    example = {"question": "How?", "choices": ("so", "no"), "answer": 1}

    (found,) = task(prompt="Q: {question}\nA:\n", delimiter="-").encode([example], processor)
    (plain,) = task(delimiter="-").encode([example], processor)

    assert processor.decode(found["rows"][0]) == "Q: How?\nA:\nso"
    assert decoded(processor, found, 1) == "\nno"  # space behind a prompt belongs to the choice
    assert decoded(processor, plain, 1) == "-no"


def test_an_example_to_train_on_has_its_right_choice_alone():
    example = {"question": "How?", "choices": ("so", "nono"), "answer": 1, "train": True}

    (found,) = task().encode([example], tokenizer())

    assert (len(found["rows"]), found["label"], found["sizes"]) == (1, 0, [4])
    assert decoded(tokenizer(), found, 0) == " nono"


def test_long_prompts_lose_their_beginning():
    processor = tokenizer()
    example = {"question": "abcdefghij", "choices": ("so", "no"), "answer": 1}

    (found,) = task(max_length=8).encode([example], processor)
    processor.model_max_length = 9
    (model,) = task().encode([example], processor)

    assert processor.decode(found["rows"][0]) == "fghij so"
    assert processor.decode(model["rows"][1]) == "efghij no"
    assert decoded(processor, found, 0) == " so"


def test_a_mark_of_the_beginning_stays():
    from tokenizers import processors

    processor = tokenizer()
    processor.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[UNK] $A", special_tokens=[("[UNK]", 1)]
    )
    example = {"question": "abcdefghij", "choices": ("so", "no"), "answer": 1}

    (found,) = task(max_length=8).encode([example], processor)

    assert found["rows"][0][0] == 1
    assert processor.decode(found["rows"][0][1:]) == "ghij so"


def test_choices_without_room_for_a_prompt_are_refused():
    example = {"question": "abc", "choices": ("so", "no, by no means"), "answer": 1}

    with pytest.raises(
        DataError, match="'no, by no means' and its prompt do not fit into 8 tokens"
    ):
        task(max_length=8).encode([example], tokenizer())


def test_slow_tokenizers_are_refused():
    with pytest.raises(DataError, match="needs a fast tokenizer"):
        task().encode([], None)


def test_batches_are_padded_on_both_axes():
    examples = [
        {"question": "a", "choices": ("b", "cd"), "answer": 1},
        {"question": "a", "choices": ("b", "c", "d"), "answer": 2},
    ]
    choice = task()

    features = choice.encode(examples, tokenizer())
    batch = choice.collate(features)

    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "input_ids": (2, 3, 4),
        "attention_mask": (2, 3, 4),
        "targets": (2, 3, 4),
        "sizes": (2, 3),
        "labels": (2,),
    }
    assert batch["sizes"].tolist() == [[1, 2, 0], [1, 1, 1]]
    assert batch["attention_mask"].sum(-1).tolist() == [[3, 4, 1], [3, 3, 3]]
    assert (batch["targets"][0, 2] == IGNORED).all()
    assert [choice.length(f) for f in features] == [8, 9]


# loss and score


def sized(normalise: str) -> MultipleChoice:
    return task(normalise=normalise)


def guesses(batch, likelihoods):
    """Logits that give each predicted token of a choice this log-likelihood."""
    logits = torch.zeros(*batch["targets"].shape, 300)
    for i, of_example in enumerate(likelihoods):
        for j, value in enumerate(of_example):
            p = math.exp(value)
            for k, target in enumerate(batch["targets"][i, j].tolist()):
                if target != IGNORED:
                    logits[i, j, k - 1, target] = math.log(p / (1 - p) * 299)
    return logits


@pytest.mark.parametrize(
    ("normalise", "right"),
    # Log-likelihoods: 3 * -1 = -3 of "é" (space and 2 bytes), 5 * -0.7 = -3.5 of "four".
    [("none", 0), ("token", 1), ("byte", 1)],
)
def test_the_likeliest_choice_for_its_length_is_the_answer(normalise, right):
    choice = sized(normalise)
    example = {"question": "a", "choices": ("é", "four"), "answer": right}
    batch = choice.collate(choice.encode([example, {**example, "answer": 1 - right}], tokenizer()))

    logits = guesses(batch, [[-1.0, -0.7]] * 2)

    assert choice.correct(logits, batch).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("normalise", "right"), [("byte", 0), ("token", 1)])
def test_bytes_and_tokens_are_not_the_same_length(normalise, right):
    choice = sized(normalise)
    example = {"question": "a", "choices": ("ab", "b"), "answer": right}
    batch = choice.collate(choice.encode([example], tokenizer()))

    # Sums -3.0 and -1.8 of 3 and 2 tokens, the space counted, which is no byte of the choice.
    logits = guesses(batch, [[-1.0, -0.9]])

    assert batch["sizes"].tolist() == ([[2, 1]] if normalise == "byte" else [[3, 2]])
    assert choice.correct(logits, batch).tolist() == [1.0]


def test_the_loss_is_that_of_the_right_continuations_alone():
    choice = task()
    examples = [
        {"question": "a", "choices": ("b", "cd"), "answer": 1},
        {"question": "a", "choices": ("b", "c", "d"), "answer": 0},
    ]
    batch = choice.collate(choice.encode(examples, tokenizer()))
    logits = guesses(batch, [[-5.0, -1.0], [-2.0, -5.0, -5.0]]).requires_grad_()

    loss = choice.loss(logits, batch)
    loss.backward()

    assert loss.item() == pytest.approx((3 * 1.0 + 2 * 2.0) / 5, rel=1e-5)
    assert (logits.grad[0, 0] == 0).all()
    assert (logits.grad[1, 1:] == 0).all()


def test_models_that_give_no_guess_at_each_token_are_refused():
    choice = task()
    with pytest.raises(DataError, match=r"outputs of shape \[1, 3\] instead of a guess at each"):
        choice.loss(torch.zeros(1, 3), {})


# a real model


def tiny_llama(folder: Path):
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=20,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
            initializer_range=0.5,
        )
        return LlamaForCausalLM(config).eval()


def test_rows_are_scored_as_each_alone_would_be(tmp_path):
    model, choice = tiny_llama(tmp_path), task(normalise="none")
    examples = [
        {"question": "Why not", "choices": ("because", "so", "it is so"), "answer": 0},
        {"question": "Or", "choices": ("yes", "no"), "answer": 0},
    ]
    processor = tokenizer()
    batch = choice.collate(choice.encode(examples, processor))
    adapter = Llama()
    adapter.serve("multiple_choice")

    with torch.inference_mode():
        logits = adapter.logits(model, batch)

    assert logits.shape == (*batch["input_ids"].shape, 300)
    assert logits.isfinite().all()
    assert (logits[batch["attention_mask"] == 0] == 0).all()
    for i, example in enumerate(examples):
        scores = []
        for text in example["choices"]:
            start = len(processor(example["question"])["input_ids"])
            ids = torch.tensor(processor([f"{example['question']} {text}"])["input_ids"])
            with torch.inference_mode():
                logs = model(ids).logits.log_softmax(-1)[0, :-1]
            each = logs[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
            scores.append(float(each[start - 1 :].sum()))
        best = max(range(len(scores)), key=scores.__getitem__)
        answers = {**batch, "labels": torch.full_like(batch["labels"], best)}
        assert choice.correct(logits, answers)[i] == 1.0


def test_missing_choices_give_finite_gradients(tmp_path):
    model, choice = tiny_llama(tmp_path), task()
    examples = [
        {"question": "Why not", "choices": ("because", "so", "it is so"), "answer": 0},
        {"question": "Or", "choices": ("yes", "no"), "answer": 1},
    ]
    batch = choice.collate(choice.encode(examples, tokenizer()))

    choice.loss(Llama().logits(model, batch), batch).backward()

    assert all(p.grad.isfinite().all() for p in model.parameters())

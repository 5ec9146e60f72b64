from __future__ import annotations

import attrs
import pytest
import torch

from instatune.engine.artefacts import agreement, compare, judged, size
from instatune.testing import tiny


def batches(count=3):
    rng = torch.Generator().manual_seed(0)
    for index in range(count):
        logits = torch.randn(4, 3, generator=rng)
        yield logits, {"labels": logits.argmax(-1) if index else torch.zeros(4, dtype=torch.long)}


class Echo:
    """Gives the reference back, changed as wanted."""

    def __init__(self, change=lambda logits: logits):
        self.left = [change(logits) for logits, _ in batches()]

    def __call__(self, batch):
        return self.left.pop(0)


def test_the_same_answers_agree_wholly():
    found = compare({"same": Echo()}, batches(), tiny.TinyTask())["same"]
    assert (found.agreement, found.gap, found.problem) == (1.0, 0.0, "")
    assert found.accuracy.n == 12
    right = sum(float((logits.argmax(-1) == batch["labels"]).sum()) for logits, batch in batches())
    assert found.accuracy.value == pytest.approx(right / 12)


def test_other_answers_are_counted_and_refused():
    found = compare({"other": Echo(torch.neg)}, batches(), tiny.TinyTask())["other"]
    assert found.agreement == 0.0
    refused = judged(found, 0.1)
    assert refused.problem == (
        "decides otherwise than the searched network on 100.0% of the test examples (allowed "
        f"10.0%); the largest difference of a logit is {found.gap:.3g}"
    )
    assert judged(found, 1.0).problem == ""


def test_a_small_difference_of_logits_is_told_but_not_refused():
    found = compare({"near": Echo(lambda logits: logits + 1e-3)}, batches(), tiny.TinyTask())[
        "near"
    ]
    assert found.gap == pytest.approx(1e-3, rel=1e-3)
    assert judged(found, 0.0) == found


def test_one_that_cannot_run_does_not_stop_the_others():
    def broken(batch):
        raise RuntimeError("no such kernel\nand much more")

    found = compare({"broken": broken, "same": Echo()}, batches(), tiny.TinyTask())
    assert found["broken"].problem == "RuntimeError: no such kernel"
    assert judged(found["broken"], 1.0).problem == "RuntimeError: no such kernel"
    assert found["same"].problem == ""


def test_outputs_that_are_no_numbers_are_a_problem():
    found = compare({"nan": Echo(lambda logits: logits * float("nan"))}, batches(), tiny.TinyTask())
    assert found["nan"].problem == "gives outputs that are not finite"


def test_numbers_agree_within_a_tenth_of_their_spread():
    wanted = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    near = 0.1 * wanted.std(unbiased=False)
    changed = wanted + torch.tensor([[0.9], [-0.9], [1.1], [0.0]]) * near
    assert agreement(changed, wanted).tolist() == [True, True, False, True]


def test_tokens_are_compared_one_by_one():
    wanted = torch.eye(3).repeat(2, 1, 1)
    changed = wanted.clone()
    changed[0, 1] = wanted[0, 0]
    assert agreement(changed, wanted).tolist() == [[True, False, True], [True, True, True]]


def test_sizes_add_up(tmp_path):
    for name, count in (("a", 10), ("b", 5)):
        (tmp_path / name).write_bytes(b"x" * count)
    assert size((tmp_path / "a", tmp_path / "b")) == 15
    assert size(()) == 0


def test_a_measured_artefact_is_plain_data():
    found = compare({"same": Echo()}, batches(), tiny.TinyTask())["same"]
    assert attrs.asdict(found)["format"] == "same"

"""Logits of the teacher: looked up where a table can hold them, computed elsewhere."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from instatune.engine import teacher as module
from instatune.engine.batches import BatchPlan
from instatune.engine.teacher import Teacher


class Counting(nn.Module):
    """Classes of a token are 1, 2, 3 times its number; counts its calls."""

    def __init__(self, per_token: bool) -> None:
        super().__init__()
        self.per_token, self.calls = per_token, 0

    def forward(self, ids):
        self.calls += 1
        logits = ids[..., None].float() * torch.tensor([1.0, 2.0, 3.0])
        return logits if self.per_token else logits.sum(1)


def collate(features, multiple=1):
    longest = -(-max(map(len, features)) // multiple) * multiple
    rows = [[*f, *[0] * (longest - len(f))] for f in features]
    return {"input_ids": torch.tensor(rows), "labels": torch.tensor(rows)}


FEATURES = [[i + 1] * (1 + i % 5) for i in range(11)]


def shop(tmp_path, model, collate=collate, length=len):
    """As much of a workshop as a teacher needs."""

    def batches(split, size, epoch=None):
        return BatchPlan(FEATURES, collate, length, size, None if epoch is None else 0, epoch or 0)

    settings = SimpleNamespace(precision="fp32", batch_size=1)
    return SimpleNamespace(
        task=SimpleNamespace(deterministic=True),
        plan=SimpleNamespace(spec=SimpleNamespace(tune=settings)),
        device=torch.device("cpu"),
        folder=SimpleNamespace(teacher=tmp_path),
        keys={"teach": "0123456789abcdef"},
        events=SimpleNamespace(counted=lambda start, items: items),
        precision=lambda name: nullcontext(),
        model_from=lambda name: model,
        logits=lambda model, batch: model(batch["input_ids"]),
        batches=batches,
    )


@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("multiple", [1, 4])
def test_a_table_gives_what_the_model_would(tmp_path, per_token, multiple):
    model = Counting(per_token)
    here = shop(tmp_path, model, lambda features: collate(features, multiple))
    teacher = Teacher.of(here)
    asked = model.calls

    again = Teacher.of(here)  # reads what the first one wrote

    assert teacher.model is None
    for batch in here.batches("train", 3, epoch=1):
        if not per_token:
            batch = {**batch, "labels": batch["labels"][:, 0]}
        for one in (teacher, again):
            assert torch.equal(one.logits(batch), Counting(per_token)(batch["input_ids"]))
    assert model.calls == asked


def test_what_no_table_can_hold_is_asked_anew(tmp_path, monkeypatch):
    model = Counting(per_token=True)
    unsorted = shop(tmp_path, model, length=lambda feature: 1)  # the first is not the longest

    def without_labels(features):
        return {"input_ids": collate(features)["input_ids"]}

    homes = [unsorted, shop(tmp_path, model, without_labels), shop(tmp_path, model)]
    for number, home in enumerate(homes):
        if number == 2:
            monkeypatch.setattr(module, "_LARGEST", 100)
        teacher = Teacher.of(home)
        batch = home.batches("train", 2)[0]

        assert teacher.model is model
        assert torch.equal(teacher.logits(batch), Counting(True)(batch["input_ids"]))
    assert not list(tmp_path.iterdir())

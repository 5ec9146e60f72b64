from __future__ import annotations

import itertools

import attrs
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn

from instatune.engine.batches import BatchPlan
from instatune.engine.training import Training, keep, learning_rate, train
from instatune.errors import StoreError, TrainingError
from instatune.files import read_json
from instatune.interfaces import CurvePoint
from instatune.spec.model import TrainingSection

SETTINGS = TrainingSection(epochs=3, batch_size=4, lr=1e-2, checkpoint_seconds=0.0)


class Stop(Exception):
    """Stands for the end of the process."""


def examples():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 5, generator=generator)
    return [{"x": row, "y": row.sum()} for row in x]


def collate(features):
    """Join examples, and augment them at random as tasks on images do."""
    batch = {k: torch.stack([f[k] for f in features]) for k in ("x", "y")}
    return {**batch, "x": batch["x"] + 0.01 * torch.randn_like(batch["x"])}


def training(folder, *, stop_at=None, key="k", told=None, curve_points=4):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    accelerator = Accelerator(cpu=True)

    def step(batch, moment):
        if moment.step == stop_at:
            raise Stop
        loss = (model(batch["x"])[:, 0] - batch["y"]).square().mean()
        accelerator.backward(loss)
        return {"loss": float(loss.detach())}

    return Training(
        stage="teach",
        key=key,
        model=model,
        settings=SETTINGS,
        batches=lambda epoch: BatchPlan(examples(), collate, lambda f: 1, 4, seed=7, epoch=epoch),
        step=step,
        score=lambda epoch: [
            CurvePoint(
                stage="teach",
                epoch=epoch,
                series="plain",
                value=float(model[0].bias.detach().sum()),
            )
        ],
        curve_points=curve_points,
        seed=3,
        accelerator=accelerator,
        checkpoint=folder / "checkpoint.pt",
        progress=told.append if told is not None else lambda progress: None,
    )


def weights(one):
    return torch.cat([p.detach().flatten() for p in one.model.parameters()])


@pytest.mark.parametrize("stop_at", [1, 5, 8, 9, 23])
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, stop_at):
    whole = training(tmp_path / "whole")
    expected = train(whole)
    with pytest.raises(Stop):
        train(training(tmp_path / "cut", stop_at=stop_at))
    resumed = training(tmp_path / "cut")
    position = train(resumed)
    assert torch.equal(weights(resumed), weights(whole))
    assert position.curve == expected.curve
    assert position.earlier_seconds > 0


def test_a_resumed_training_starts_where_it_stopped(tmp_path):
    with pytest.raises(Stop):
        train(training(tmp_path, stop_at=6))
    told = []
    train(training(tmp_path, told=told))
    assert told[0].done == 6
    assert told[-1].done == told[-1].total == 24


def test_ctrl_c_keeps_what_was_done(tmp_path):
    cut = training(tmp_path)
    slow = attrs.evolve(cut.settings, checkpoint_seconds=1e9)
    count = 0

    def step(batch, moment):
        nonlocal count
        count += 1
        if count == 11:
            raise KeyboardInterrupt
        return cut.step(batch, moment)

    with pytest.raises(KeyboardInterrupt):
        train(attrs.evolve(cut, step=step, settings=slow))
    told = []
    train(training(tmp_path, told=told))
    assert told[0].done == 10


def test_a_checkpoint_of_another_training_is_not_resumed(tmp_path):
    with pytest.raises(Stop):
        train(training(tmp_path, stop_at=6, key="old"))
    told = []
    train(training(tmp_path, told=told, key="new"))
    assert told[0].done == 0


def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK half a file")
    with pytest.raises(StoreError, match=r"checkpoint\.pt: damaged checkpoint .*delete the file"):
        train(training(tmp_path))


def test_weights_and_curve_are_kept_beside_the_checkpoint_which_stays(tmp_path):
    done = training(tmp_path)
    position = train(done)
    keep(done, position)
    assert torch.equal(
        load_file(tmp_path / "model.safetensors")["0.weight"], done.model[0].weight.detach()
    )
    assert len(read_json(tmp_path / "curve.json")) == len(position.curve)
    assert (tmp_path / "checkpoint.pt").exists()


def test_weights_that_break_in_the_last_step_are_one_clear_error(tmp_path):
    broken = training(tmp_path)
    last = broken.total_steps - 1

    def step(batch, moment):
        losses = broken.step(batch, moment)
        if moment.step == last:
            broken.model[2].weight.grad.fill_(float("nan"))
        return losses

    with pytest.raises(
        TrainingError, match=r"teach: \d tensors are not finite .*smaller teach\.lr"
    ):
        train(attrs.evolve(broken, step=step))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_the_curve_has_both_ends(tmp_path):
    epochs = [point.epoch for point in train(training(tmp_path)).curve]
    assert epochs[0] == 0
    assert epochs[-1] == SETTINGS.epochs


def test_max_steps_ends_a_training(tmp_path):
    short = training(tmp_path)
    settings = attrs.evolve(short.settings, max_steps=5)
    assert train(attrs.evolve(short, settings=settings)).step == 5


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    settings = TrainingSection(lr=2.0, warmup=0.25)
    rates = [learning_rate(settings, step, 100) for step in range(100)]
    assert max(rates) == rates[24] == 2.0
    assert all(a < b for a, b in itertools.pairwise(rates[:25]))
    assert all(a > b for a, b in itertools.pairwise(rates[25:]))
    assert 0 < rates[-1] < 0.05

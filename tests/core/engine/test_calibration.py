"""Batches of a run for statistics of batch normalisation: fixed, and made only if needed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from instatune.engine.batches import BatchPlan
from instatune.engine.calibration import Calibration
from instatune.engine.precision import whole_float32
from instatune.testing import tiny


def shop(count=2, size=4, examples=10):
    """A run whose examples are augmented at random."""

    def collate(features):
        return {"x": torch.tensor(features).float() + torch.rand(len(features))}

    def batches(split, batch_size, epoch):
        assert split == "train"
        return BatchPlan(list(range(examples)), collate, lambda feature: 1, batch_size, 7, epoch)

    return SimpleNamespace(
        batches=batches,
        device=torch.device("cpu"),
        seed=lambda *labels: 5,
        plan=SimpleNamespace(
            spec=SimpleNamespace(
                search=SimpleNamespace(calibration_batches=count),
                tune=SimpleNamespace(batch_size=size),
            )
        ),
    )


def test_batches_are_those_of_tuning_and_always_the_same():
    state = torch.get_rng_state()

    first, again = Calibration(shop()).batches, Calibration(shop()).batches

    assert torch.equal(torch.get_rng_state(), state)
    assert [len(batch["x"]) for batch in first] == [4, 4]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one["x"], other["x"])


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [4, 4]), (3, [4, 4, 2]), (9, [4, 4, 2])])
def test_the_rest_of_an_epoch_comes_last(count, sizes):
    assert [len(batch["x"]) for batch in Calibration(shop(count)).batches] == sizes


def test_a_transformer_asks_for_no_batch():
    run = shop()
    run.batches = None  # cannot be called
    calibration, supernet = Calibration(run), tiny.supernet()

    assert calibration.of(supernet, supernet.space.smallest).buffers == ()
    assert calibration.spelled(supernet) == ()


def test_keys_of_measurements_tell_of_the_batches_where_they_matter():
    supernet = SimpleNamespace(model=nn.BatchNorm1d(3))

    assert Calibration(shop(3, 16)).spelled(supernet) == ("calibrated 3 x 16",)


def test_convolutions_of_gpus_use_all_bits_until_the_context_ends():
    before = torch.backends.cudnn.allow_tf32

    with whole_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.enabled

    assert torch.backends.cudnn.allow_tf32 == before

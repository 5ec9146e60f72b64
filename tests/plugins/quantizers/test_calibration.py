"""Ranges are those of what came in, and what cannot be calibrated with is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from instatune.errors import DataError


def run(model, batch):
    return model(batch["x"])


def batches(*tensors):
    return [{"x": tensor} for tensor in tensors]


def test_ranges_span_all_batches(models):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    data = batches(torch.tensor([[1.0, -2.0]]), torch.tensor([[5.0, 0.5], [0.0, -1.0]]))

    ranges = models.int8().observe(model, run, iter(data))

    hidden = torch.cat([model[:2](batch["x"]) for batch in data]).detach()
    assert ranges == {"0": (-2.0, 5.0), "2": (float(hidden.min()), float(hidden.max()))}


def test_percentiles_leave_outliers_out(models):
    values = torch.arange(1000.0).view(500, 2)
    data = batches(values, values + 100, values.clone().index_fill(0, torch.tensor([3]), -1e9))
    quantizer = models.int8(range="percentile", percentile=99.0)

    ranges = quantizer.observe(nn.Sequential(nn.Linear(2, 1)), run, data)

    # Of 1000 numbers in order, the 11th and the 990th: 10, 110 and 8 in the mean, likewise 989.
    assert ranges["0"] == pytest.approx(((10 + 110 + 10) / 3, (989 + 1089 + 989) / 3), abs=1.0)


def test_only_what_ran_and_can_be_quantized_is_listed(models):
    model = models.filled(models.Mixed())
    model.spare = nn.Linear(2, 2)
    model.again = model.up

    ranges = models.int8().observe(model, models.run, [models.pictures_and_words()])

    assert set(ranges) == {*models.NAMES, "again"}
    assert ranges["again"] == ranges["up"]
    assert ranges["words"] == (0.0, 0.0)


def test_arguments_that_are_named_are_seen_too(models):
    model = nn.Sequential(nn.Linear(2, 1))

    ranges = models.int8().observe(
        model, lambda m, batch: m[0](input=batch["x"]), batches(torch.tensor([[1.0, 2.0]]))
    )

    assert ranges == {"0": (1.0, 2.0)}


def test_autocast_and_training_are_off_while_it_listens(models):
    model, seen = nn.Sequential(nn.Dropout(0.9), nn.Linear(2, 1)).train(), []
    x = torch.tensor([[1.0 + 2**-12, 2.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ranges = models.int8().observe(
            model, lambda m, batch: seen.append(run(m, batch).dtype), batches(x)
        )

    assert seen == [torch.float32]
    assert ranges["1"] == (1.0 + 2**-12, 2.0)
    assert model.training
    assert model[1].training


def test_no_batch_is_refused(models):
    with pytest.raises(DataError, match="no training batch to calibrate with; use at least one"):
        models.int8().observe(nn.Sequential(nn.Linear(2, 1)), run, ())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("how", ["minmax", "percentile"])
def test_inputs_that_are_not_finite_are_refused(models, bad, how):
    model = nn.Sequential(nn.Linear(2, 1))
    data = batches(torch.ones(1, 2), torch.tensor([[1.0, bad]]))

    message = "an input of module '0' is not finite in calibration batch 1; check the examples"
    with pytest.raises(DataError, match=message):
        models.int8(range=how).observe(model, run, data)
    assert not model[0]._forward_pre_hooks

from __future__ import annotations

import random
import re

import pytest
import torch
from torch import nn

from instatune.engine import checkpoint
from instatune.engine.checkpoint import Position
from instatune.errors import StoreError

MESSAGE = re.compile(r"damaged checkpoint \(.+\); delete the file to start this stage anew")


def parts():
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    return model, optimizer


def saved(path):
    checkpoint.save(path, "key", Position(step=7, seconds=1.5), *parts())
    return path


def test_a_checkpoint_comes_back(tmp_path):
    path, (model, optimizer) = saved(tmp_path / "c.pt"), parts()
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    nn.init.zeros_(model.weight)
    found = checkpoint.restore(path, "key", model, optimizer)
    assert found == Position(step=7, seconds=1.5, earlier_seconds=1.5)
    assert all(torch.equal(expected[name], t) for name, t in model.state_dict().items())


def test_a_full_disk_is_named_and_the_checkpoint_before_it_stays(tmp_path, full_disk):
    path = saved(tmp_path / "c.pt")
    before = path.read_bytes()
    full_disk(path)
    with pytest.raises(StoreError, match=r"c\.pt: the disk is full; free some space"):
        checkpoint.save(path, "key", Position(step=8), *parts())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["cut off", "changed", "random"])
def test_damaged_bytes_are_one_clear_error_or_do_no_harm(tmp_path, kind):
    path, rng = saved(tmp_path / "c.pt"), random.Random(kind)  # noqa: S311
    whole, refused, harmless = path.read_bytes(), 0, 0
    for _ in range(150):
        path.write_bytes(damaged(whole, kind, rng))
        try:
            checkpoint.restore(path, "key", *parts())
        except StoreError as error:
            refused += bool(MESSAGE.search(str(error)))
        else:
            harmless += 1
    assert refused + harmless == 150
    assert refused > 75


def damaged(whole, kind, rng):
    if kind == "cut off":
        return whole[: rng.randrange(len(whole) - 100)]
    if kind == "random":
        return rng.randbytes(rng.randrange(300))
    data = bytearray(whole)
    for _ in range(200):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def test_a_folder_in_its_place_is_one_clear_error(tmp_path):
    (tmp_path / "c.pt").mkdir()
    with pytest.raises(StoreError, match="damaged checkpoint"):
        checkpoint.restore(tmp_path / "c.pt", "key", *parts())

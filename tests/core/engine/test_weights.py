from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from instatune.engine.weights import digest, save_weights
from instatune.errors import StoreError


def test_weights_come_back(tmp_path):
    model = nn.Linear(3, 2)
    found = load_file(save_weights(model, tmp_path / "a" / "model.safetensors"))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in model.state_dict().items()
    }


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (28, r"model\.safetensors: the disk is full; free some space"),
        (13, r"model\.safetensors: cannot be written: .*Permission denied"),
    ],
)
def test_errors_that_safetensors_hides_are_told(tmp_path, monkeypatch, number, message):
    path = save_weights(nn.Linear(3, 2), tmp_path / "model.safetensors")
    before = path.read_bytes()

    def fail(model, name):
        Path(name).write_bytes(b"half")
        text = f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})"
        raise SafetensorError(text)

    monkeypatch.setattr("instatune.engine.weights.save_model", fail)
    with pytest.raises(StoreError, match=message):
        save_weights(nn.Linear(3, 2), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_the_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * (3 << 20))
    assert digest(tmp_path / "f") == hashlib.sha256(b"x" * (3 << 20)).hexdigest()[:16]

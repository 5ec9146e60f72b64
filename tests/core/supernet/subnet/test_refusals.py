"""What cannot be saved or loaded gives one clear error and leaves what was there intact."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from instatune.errors import CheckpointError, PluginError, StoreError
from instatune.supernet import subnet
from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet


def sliced(net: Supernet, architecture, batch):
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


def edit(folder: Path, **changes) -> None:
    file = folder / "instatune.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left"), SafetensorError("No space left")]
)
def test_a_full_disk_leaves_the_older_network_intact(
    supernet, saved, batch, plugins, monkeypatch, failure, network
):
    def full(tensors, filename, metadata):
        Path(filename).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(subnet, "save_file", full)
    with pytest.raises(StoreError, match=r"cannot be written \(.*No space left.*\); free some"):
        save(network(supernet, supernet.space.largest), saved)

    assert not list(saved.glob(".saving*"))
    with torch.no_grad():
        reloaded = supernet.forward(load(saved, plugins), batch)
    torch.testing.assert_close(reloaded, sliced(supernet, supernet.space.smallest, batch))


def test_a_save_that_breaks_off_leaves_no_card(supernet, tmp_path, monkeypatch, network):
    replace = os.replace

    def break_off(source, target):
        if target.name == "model.safetensors":
            raise OSError("broken off")
        replace(source, target)

    monkeypatch.setattr(subnet.os, "replace", break_off)
    with pytest.raises(StoreError, match="broken off"):
        save(network(supernet, supernet.space.smallest), tmp_path)

    assert not (tmp_path / "instatune.json").exists()


def test_a_folder_that_cannot_be_made_is_a_store_error(supernet, tmp_path, network):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="cannot be written"):
        save(network(supernet, supernet.space.smallest), tmp_path / "file" / "net")


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def truncate_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))


def drop_a_tensor(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    del tensors["classifier.bias"]
    save_file(tensors, file)
    edit(folder, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def resize_a_tensor(folder: Path) -> None:
    file = folder / "model.safetensors"
    save_file({**load_file(file), "classifier.bias": torch.zeros(7)}, file)
    edit(folder, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def shrink_card(folder: Path) -> None:
    units = json.loads((folder / "instatune.json").read_text())["kept_units"]
    edit(folder, kept_units={**units, "heads.2": 99})


def empty_a_group(folder: Path) -> None:
    units = json.loads((folder / "instatune.json").read_text())["kept_units"]
    edit(folder, kept_units={**units, "heads.2": 0})  # only FFNs can do without any


def invent_a_group(folder: Path) -> None:
    units = json.loads((folder / "instatune.json").read_text())["kept_units"]
    edit(folder, kept_units={**units, "arms.0": 1})


def no_json(folder: Path) -> None:
    (folder / "instatune.json").write_text('{"format": 1,')


DAMAGES = {
    "no folder": (lambda f: f.rename(f.parent / "gone"), "small: no such folder; give a folder"),
    "no card": (
        lambda f: (f / "instatune.json").unlink(),
        r"not a saved sub-network, instatune\.json is missing",
    ),
    "no JSON": (no_json, r"instatune\.json: cannot be read \(.*\); export it again"),
    "no mapping": (
        lambda f: (f / "instatune.json").write_text("[1]"),
        r"is damaged \(no format version\); export it again",
    ),
    "newer": (
        lambda f: edit(f, format=3),
        r"format 3 is newer than format 2, which instatune \S+ reads; update instatune",
    ),
    "missing field": (
        lambda f: (f / "instatune.json").write_text('{"format": 1}'),
        r"is damaged \(required field missing",
    ),
    "no weights": (remove_weights, r"model\.safetensors is missing; export it again"),
    "truncated weights": (truncate_weights, r"model\.safetensors: cannot be read"),
    "flipped bit": (flip_a_bit, r"is not the file that instatune\.json describes \(its SHA-256"),
    "missing tensor": (
        drop_a_tensor,
        r"tensor 'classifier\.bias' is missing in the file, but \[3\]",
    ),
    "other shape": (resize_a_tensor, r"'classifier\.bias' is \[7\] in the file, but \[3\]"),
    "impossible units": (shrink_card, "keeps units or layers that the model described beside it"),
    "too few units": (empty_a_group, "keeps units or layers that the model described beside it"),
    "unknown group": (invent_a_group, "keeps units or layers that the model described beside it"),
    "impossible layers": (
        lambda f: edit(f, kept_layers={"layers": [5]}),
        "keeps units or layers that the model described beside it",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_folder_gives_one_clear_error(saved, plugins, case):
    damage, message = DAMAGES[case]
    damage(saved)

    with pytest.raises(CheckpointError, match=message):
        load(saved, plugins)


def test_an_adapter_that_is_not_installed_is_named_with_its_distribution(saved, plugins):
    edit(saved, adapter="llama@instatune-plugin-llama")

    with pytest.raises(
        PluginError,
        match=r"adapter 'llama@instatune-plugin-llama'.*install.*'instatune-plugin-llama'",
    ):
        load(saved, plugins)


def test_a_skeleton_without_memory_is_refused(toy, tmp_path, plugins, network):
    adapter = sys.modules["toy_family"].ToyAdapter
    save(network(toy, toy.space.smallest, adapter()), tmp_path)
    adapter.meta = True

    with pytest.raises(PluginError, match="adapter 'toy@instatune': its skeleton lies on the meta"):
        load(tmp_path, plugins)

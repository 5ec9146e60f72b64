"""Saving and loading: the same function comes back, or one clear error."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import attrs
import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from instatune.errors import CheckpointError, PluginError, StoreError
from instatune.interfaces import Adapter, Network
from instatune.plugin.entries import AdapterEntry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer, Registry
from instatune.supernet import subnet
from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert


class ToyAdapter(Adapter):
    """Saves no more than the number of layers that it sees, and rebuilds from that."""

    make: type[nn.Module]
    describer: object
    meta = False

    def load(self, checkpoint, n_outputs, generator):
        raise NotImplementedError

    def describe(self, model):
        return type(self).describer(model)

    def logits(self, model, batch):
        return model(batch["x"])

    def processor(self, checkpoint):
        return None

    def save_assets(self, model, processor, directory):
        (directory / "layers.txt").write_text(str(model.config.n_layers))

    def skeleton(self, directory):
        assert (directory / "layers.txt").read_text() == "3"
        with torch.device("meta" if type(self).meta else "cpu"):
            return self.make()


def offer(name: str, target: str) -> Offer:
    entry = AdapterEntry(name=name, target=target, summary="for tests")
    return Offer(entry=entry, distribution="instatune", version="0", module="tests")


@pytest.fixture
def plugins(monkeypatch, toy) -> Plugins:
    """The ``bert`` adapter and one for the toy network."""
    module = ModuleType("toy_family")
    module.ToyAdapter = type(
        "ToyAdapter",
        (ToyAdapter,),
        {
            "make": type(toy.model),
            "describer": lambda model: attrs.evolve(toy.anatomy),
        },
    )
    monkeypatch.setitem(sys.modules, "toy_family", module)
    offers = (
        offer("bert", "instatune_plugins.adapters.bert:Bert"),
        offer("toy", "toy_family:ToyAdapter"),
    )
    return Plugins(registries={"adapters": Registry(kind="adapters", entries=offers)})


def network(net: Supernet, architecture, adapter: Adapter | None = None, **changes) -> Network:
    fields = {
        "model": net.extract(architecture),
        "architecture": architecture,
        "adapter": adapter or Bert(),
        "adapter_name": "bert@instatune" if adapter is None else "toy@instatune",
        "anatomy": net.anatomy,
        "kept_units": net.space.kept_units(architecture),
        "kept_layers": net.space.kept_layers(architecture),
        "processor": None,
        "labels": ("text", "data", "math"),
        "facts": {"accuracy": 0.9},
    }
    return Network(**{**fields, **changes})


def sliced(net: Supernet, architecture, batch):
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


@pytest.fixture
def saved(supernet, tmp_path) -> Path:
    save(network(supernet, supernet.space.smallest), tmp_path / "small")
    return tmp_path / "small"


def edit(folder: Path, **changes) -> None:
    file = folder / "instatune.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


# the same function


@pytest.mark.parametrize("seed", range(2))
def test_reloaded_networks_equal_the_slice(make_supernet, batch, tmp_path, plugins, seed):
    net = make_supernet(seed)
    rows = net.space.sample(np.random.default_rng(seed), 25)

    for architecture in [net.space.largest, *net.space.decode(rows)]:
        save(network(net, architecture), tmp_path / architecture.key)
        model = load(tmp_path / architecture.key, plugins)
        with torch.no_grad():
            reloaded = net.forward(model, batch)

        torch.testing.assert_close(reloaded, sliced(net, architecture, batch), rtol=1e-5, atol=1e-5)


def test_toy_with_ties_buffers_and_counts_comes_back(toy, toy_batch, tmp_path, plugins):
    adapter = sys.modules["toy_family"].ToyAdapter()
    rows = toy.space.sample(np.random.default_rng(0), 10)

    for architecture in toy.space.decode(rows):
        given = network(toy, architecture, adapter)
        save(given, tmp_path / architecture.key)
        model = load(tmp_path / architecture.key, plugins)

        assert model.back.weight is model.there.weight
        assert model.config.n_layers == given.model.config.n_layers == architecture["depth"]
        with torch.no_grad():
            torch.testing.assert_close(
                model(toy_batch["x"]), sliced(toy, architecture, toy_batch), rtol=1e-5, atol=1e-5
            )


def test_a_loaded_network_is_an_ordinary_module_in_eval_mode(saved, batch, plugins):
    model = load(saved, plugins)

    assert type(model).__name__ == "BertForSequenceClassification"
    assert not model.training
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in model.parameters())
    assert model(input_ids=batch["input_ids"]).logits.shape == (4, 3)
    assert model.config.id2label == {0: "text", 1: "data", 2: "math"}
    model.train()
    model(**batch).loss.backward()


def test_loading_takes_text_paths_and_finds_adapters_by_itself(saved, batch):
    assert load(str(saved))(input_ids=batch["input_ids"]).logits.shape == (4, 3)


def test_saving_returns_the_files_and_leaves_nothing_else(supernet, tmp_path):
    (tmp_path / "model.onnx").write_text("another format")

    files = save(network(supernet, supernet.space.smallest), tmp_path)

    assert {file.name for file in files} == {"config.json", "instatune.json", "model.safetensors"}
    assert {f.name for f in tmp_path.iterdir()} == {f.name for f in files} | {"model.onnx"}


def test_the_card_tells_what_the_network_is(supernet, saved):
    card = json.loads((saved / "instatune.json").read_text())

    assert card["format"] == 1
    assert card["adapter"] == "bert@instatune"
    assert card["architecture"] == supernet.space.smallest.as_dict()
    assert card["kept_layers"] == {"layers": [2]}
    assert card["facts"] == {"accuracy": 0.9}
    assert card["sha256"] == hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()


def test_saving_over_an_older_network_replaces_it(supernet, saved, batch, plugins):
    save(network(supernet, supernet.space.largest), saved)

    with torch.no_grad():
        reloaded = supernet.forward(load(saved, plugins), batch)
    torch.testing.assert_close(reloaded, sliced(supernet, supernet.space.largest, batch))


# errors


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left"), SafetensorError("No space left")]
)
def test_a_full_disk_leaves_the_older_network_intact(
    supernet, saved, batch, plugins, monkeypatch, failure
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


def test_a_save_that_breaks_off_leaves_no_card(supernet, tmp_path, monkeypatch):
    replace = os.replace

    def break_off(source, target):
        if target.name == "model.safetensors":
            raise OSError("broken off")
        replace(source, target)

    monkeypatch.setattr(subnet.os, "replace", break_off)
    with pytest.raises(StoreError, match="broken off"):
        save(network(supernet, supernet.space.smallest), tmp_path)

    assert not (tmp_path / "instatune.json").exists()


def test_a_folder_that_cannot_be_made_is_a_store_error(supernet, tmp_path):
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
        lambda f: edit(f, format=2),
        r"format 2 is newer than format 1, which instatune \S+ reads; update instatune",
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


def test_a_skeleton_without_memory_is_refused(toy, tmp_path, plugins):
    adapter = sys.modules["toy_family"].ToyAdapter
    save(network(toy, toy.space.smallest, adapter()), tmp_path)
    adapter.meta = True

    with pytest.raises(PluginError, match="adapter 'toy@instatune': its skeleton lies on the meta"):
        load(tmp_path, plugins)

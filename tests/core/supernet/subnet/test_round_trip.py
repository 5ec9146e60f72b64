"""Saving and loading: the same function comes back."""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet


def sliced(net: Supernet, architecture, batch):
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


@pytest.mark.parametrize("seed", range(2))
def test_reloaded_networks_equal_the_slice(make_supernet, batch, tmp_path, plugins, seed, network):
    net = make_supernet(seed)
    rows = net.space.sample(np.random.default_rng(seed), 25)

    for architecture in [net.space.largest, *net.space.decode(rows)]:
        save(network(net, architecture), tmp_path / architecture.key)
        model = load(tmp_path / architecture.key, plugins)
        with torch.no_grad():
            reloaded = net.forward(model, batch)

        torch.testing.assert_close(reloaded, sliced(net, architecture, batch), rtol=1e-5, atol=1e-5)


def test_toy_with_ties_buffers_and_counts_comes_back(toy, toy_batch, tmp_path, plugins, network):
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


def test_saving_returns_the_files_and_leaves_nothing_else(supernet, tmp_path, network):
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


def test_saving_over_an_older_network_replaces_it(supernet, saved, batch, plugins, network):
    save(network(supernet, supernet.space.largest), saved)

    with torch.no_grad():
        reloaded = supernet.forward(load(saved, plugins), batch)
    torch.testing.assert_close(reloaded, sliced(supernet, supernet.space.largest, batch))


def test_what_was_saved_before_a_group_was_described_still_loads(supernet, batch, saved, plugins):
    card = saved / "instatune.json"
    notes = json.loads(card.read_text())
    del notes["kept_units"]["embed"]
    card.write_text(json.dumps(notes))

    with torch.no_grad():
        reloaded = supernet.forward(load(saved, plugins), batch)

    torch.testing.assert_close(
        reloaded, sliced(supernet, supernet.space.smallest, batch), rtol=1e-5, atol=1e-5
    )

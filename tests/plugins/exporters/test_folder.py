"""The exporter that ``instatune.load`` reads back."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from instatune.interfaces import Exporter, Network
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune.space import Gene
from instatune.supernet.build import search_space
from instatune.supernet.subnet import load
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.quantizers._onednn import works


@pytest.fixture
def network() -> Network:
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        max_position_embeddings=16,
    )
    adapter, model = Bert(), BertForSequenceClassification(config).eval()
    anatomy = adapter.describe(model)
    depth = Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))
    net = Supernet(model, anatomy, search_space(anatomy, [depth]), adapter.logits)
    smallest = net.space.smallest
    return Network(
        model=net.extract(smallest),
        architecture=smallest,
        adapter=adapter,
        adapter_name="bert@instatune",
        anatomy=anatomy,
        kept_units=net.space.kept_units(smallest),
        kept_layers=net.space.kept_layers(smallest),
        processor=None,
        labels=("no", "yes"),
        facts={},
    )


def test_what_it_writes_is_loadable_as_its_entry_says(network, tmp_path):
    offer = discover()["exporters"].find("folder@instatune")
    exporter: Exporter = load_target(offer, Exporter)()

    files = exporter.export(network, tmp_path)

    assert offer.entry.loadable
    assert all(file.is_file() and file.parent == tmp_path for file in files)
    model: nn.Module = load(tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(model(ids).logits, network.model(ids).logits)


@pytest.mark.skipif(not works(), reason="no exact products of bytes here")
@pytest.mark.parametrize("kernels", ["auto", "fake"])
def test_a_loaded_network_multiplies_bytes_if_the_search_did(networks, tmp_path, kernels):
    whole, batches = networks.make("bert")
    settings = {"quantizer_settings": {"kernels": kernels}}
    small = attrs.evolve(networks.quantized(whole, batches), **settings)
    load_target(discover()["exporters"].find("folder@instatune"), Exporter)().export(
        small, tmp_path
    )
    model = load(tmp_path)

    with torch.inference_mode():
        found, wanted = (small.adapter.logits(m, batches(3, 5, 0)) for m in (model, small.deployed))

    torch.testing.assert_close(found, wanted)
    linear = model.get_submodule(next(n for n in small.policy if "embed" not in n))
    assert (linear._packed is None) == (kernels == "fake")

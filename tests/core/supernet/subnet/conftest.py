"""Networks to save, one of them on disk, and the adapters to load them with."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import attrs
import pytest
import torch
from torch import nn

from instatune.interfaces import Adapter, Network
from instatune.plugin.entries import AdapterEntry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer, Registry
from instatune.supernet.subnet import save
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


def network_of(net: Supernet, architecture, adapter: Adapter | None = None, **changes) -> Network:
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


@pytest.fixture
def network():
    """Make the network of an architecture, ready to be saved."""
    return network_of


@pytest.fixture
def saved(supernet, tmp_path) -> Path:
    save(network_of(supernet, supernet.space.smallest), tmp_path / "small")
    return tmp_path / "small"

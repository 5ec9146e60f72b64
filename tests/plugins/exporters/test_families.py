"""Networks of every family, with layers of unlike widths, in every format."""

from __future__ import annotations

import pytest
import torch

from instatune.interfaces import Exporter
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target

SHAPES = ((2, 7), (5, 12), (1, 3), (3, 1))
FAMILIES = ("bert", "llama", "vit", "resnet", "beit3")


def exporter(name):
    offer = discover(only=("instatune",))["exporters"].find(name)
    return load_target(offer, Exporter)(offer.entry.config() if offer.entry.config else None)


def check(name, network, batches, folder, tolerance):
    """The written network answers as the network, up to a share of the largest logit."""
    exporter(name).export(network, folder)
    runner = exporter(name).runner(folder, 1)
    for seed, shape in enumerate(SHAPES):
        batch = batches(*shape, seed)
        with torch.inference_mode():
            wanted = network.adapter.logits(network.deployed, batch)
        gap = float((runner(batch) - wanted).abs().max() / wanted.abs().max())
        assert gap <= tolerance, shape


@pytest.mark.parametrize(
    "family", ["bert", *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES[1:])]
)
def test_all_families_can_be_traced(networks, tmp_path, family):
    network, batches = networks.make(family)

    check("torch_export", network, batches, tmp_path, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("family", FAMILIES)
def test_full_precision(networks, tmp_path, family, name):
    network, batches = networks.make(family)

    check(name, network, batches, tmp_path, 1e-5)


# 16 bits are more exact in ONNX: inputs are not rounded there.
@pytest.mark.slow
@pytest.mark.parametrize(("bits", "tolerance"), [((8,), 0.01), ((8, 16, 32), 0.05)])
@pytest.mark.parametrize(
    ("family", "name"),
    [
        *((family, name) for family in FAMILIES for name in ("torch_export", "onnx_int8")),
        ("bert", "openvino"),  # reads the same graph as ONNX Runtime
        ("resnet", "openvino"),
    ],
)
def test_fewer_bits(networks, tmp_path, family, name, bits, tolerance):
    network, batches = networks.make(family)

    check(name, networks.quantized(network, batches, bits), batches, tmp_path, tolerance)


def test_every_family_is_here(networks):
    assert networks.families == FAMILIES

"""Networks of every family, with layers of unlike widths, in every format."""

from __future__ import annotations

from functools import cache
from unittest import mock

import pytest
import torch

from instatune.interfaces import Exporter
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune_plugins.exporters import _onnx

SHAPES = ((2, 7), (5, 12), (1, 3), (3, 1))
FAMILIES = ("bert", "llama", "vit", "resnet", "beit3")


@pytest.fixture(scope="module")
def make(networks):
    """Makes a network and its batches, in full precision if no bits are given; once each."""

    @cache
    def made(family, bits=()):
        if not bits:
            return networks.make(family)
        network, batches = made(family)
        return networks.quantized(network, batches, bits), batches

    return made


@pytest.fixture(scope="module", autouse=True)
def _converted_once(make):
    """ONNX Runtime and OpenVINO are given the same graph; making it is the slow part."""
    convert, graphs = _onnx.convert, {}

    def converted(network, model, exporter):
        if id(model) not in graphs:  # `make` keeps all models alive
            graphs[id(model)] = convert(network, model, exporter)
        return graphs[id(model)].clone()

    with mock.patch.object(_onnx, "convert", converted):
        yield


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
        assert shape[0] == 1 or wanted.std(0).max() > 1e-3, "it answers all examples alike"
        gap = float((runner(batch) - wanted).abs().max() / wanted.abs().max())
        assert gap <= tolerance, shape


@pytest.mark.parametrize(
    "family", ["bert", *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES[1:])]
)
def test_all_families_can_be_traced(make, tmp_path, family):
    network, batches = make(family)

    check("torch_export", network, batches, tmp_path, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("family", FAMILIES)
def test_full_precision(make, tmp_path, family, name):
    network, batches = make(family)

    check(name, network, batches, tmp_path, 1e-5)


# 16 bits are more exact in ONNX: inputs are not rounded there.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "name"),
    [
        (family, name)
        for family in FAMILIES
        for name in ("torch_export", "onnx_int8", "openvino")
        if name != "openvino" or family in ("bert", "resnet")  # it is given the same graph
    ],
)
@pytest.mark.parametrize(("bits", "tolerance"), [((8,), 0.01), ((8, 16, 32), 0.05)])
def test_fewer_bits(make, tmp_path, bits, tolerance, family, name):
    network, batches = make(family, bits)

    check(name, network, batches, tmp_path, tolerance)


def test_every_family_is_here(networks):
    assert networks.families == FAMILIES

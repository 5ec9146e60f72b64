"""Compiled programs: which of them get kernels for bytes, and when weights are constants."""

from __future__ import annotations

import shutil
import sys
import types

import pytest
import torch
import torch._inductor.config

from instatune_plugins.exporters import TorchExportConfig
from instatune_plugins.exporters.torch_export import TorchExport

KERNELS = "torchao.quantization.pt2e.quantizer.x86_inductor_quantizer"


@pytest.fixture(scope="module")
def folders(networks, tmp_path_factory):
    """A tiny network in full precision and with integers, exported, by bits."""
    whole, batches = networks.make("tiny")
    made = {32: whole}
    made |= {bits: networks.quantized(whole, batches, (bits,)) for bits in (4, 8)}
    folders = {bits: tmp_path_factory.mktemp(f"bits{bits}") for bits in made}
    for bits, network in made.items():
        TorchExport().export(network, folders[bits])
    return made, folders, batches


@pytest.fixture
def compiler(monkeypatch):
    """Stands in for torch's: tells for each call whether weights were constants."""
    calls = []

    def compile(module, *, dynamic):
        def fast(*tensors):
            calls.append(torch._inductor.config.freezing)
            return module(*tensors)

        assert dynamic
        return fast

    monkeypatch.setattr(torch, "compile", compile)
    return calls


def install(monkeypatch, there):
    """Put an empty torchao in the place of the real one, or none at all."""
    parts = KERNELS.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name) if there else None)


@pytest.mark.parametrize(
    ("bits", "there", "constant"),
    [(8, True, True), (4, True, True), (8, False, False), (32, True, False), (32, False, False)],
)
def test_weights_are_constants_where_there_are_kernels_for_them(
    folders, compiler, monkeypatch, bits, there, constant
):
    install(monkeypatch, there)
    _, places, batches = folders
    plain = TorchExport().runner(places[bits], 1)

    runner = TorchExport(TorchExportConfig(compile=True)).runner(places[bits], 1)
    found = [runner(batches(*shape, 0)) for shape in ((2, 6), (3, 5), (2, 6))]

    # The third shape is that of the first: nothing is left to compile.
    assert compiler == [constant, constant, False]
    assert torch.equal(found[0], plain(batches(2, 6, 0)))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler of C++")
@pytest.mark.parametrize("bits", [4, 8])
def test_a_compiled_program_multiplies_bytes(folders, bits):
    pytest.importorskip("torchao")
    from torch._dynamo.utils import counters

    made, places, batches = folders
    torch._dynamo.reset()
    counters.clear()
    runner = TorchExport(TorchExportConfig(compile=True)).runner(places[bits], 1)

    for seed, shape in enumerate(((2, 6), (5, 8), (1, 3))):
        batch = batches(*shape, seed)
        with torch.inference_mode():
            wanted = made[bits].adapter.logits(made[bits].quantized, batch)
        assert torch.allclose(runner(batch), wanted, atol=0.05 * float(wanted.abs().max()))

    products = [name for name in made[bits].policy if "embed" not in name]
    assert counters["inductor"]["qlinear_weight_prepack_matcher_count"] >= len(products)

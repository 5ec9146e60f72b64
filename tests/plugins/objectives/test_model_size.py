"""The size that is told is that of the file which the first-party quantizer fills."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.torch import save_file

from instatune.interfaces import AimInfo
from instatune.report.numbers import format_of
from instatune.space.policy import policy_of, weighted
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes, tiny
from instatune_plugins.objectives.model_size import ModelSize
from instatune_plugins.quantizers import Int8Config
from instatune_plugins.quantizers.int8 import Int8

SIZES = fakes.TinySizes(hidden=64, heads=4, head=16, ffn=128)


@pytest.fixture(scope="module")
def network() -> Supernet:
    anatomy, space = fakes.anatomy(SIZES), fakes.space_with_bits(SIZES)
    return Supernet(tiny.model(SIZES), anatomy, space, tiny.TinyAdapter().logits)


def test_files_of_quantized_networks_have_the_size_that_is_told(network, tmp_path):
    space, quantizer = network.space, Int8(Int8Config())
    rows = space.sample(np.random.default_rng(0), 12)
    low = {gene.name: 8 for gene in space.genes if gene.effect == "bits"}
    rows = np.concatenate([space.encode([space.largest, space.architecture(low)]), rows])
    ranges = {module: (-1.0, 1.0) for module in weighted(network.anatomy)}

    told = ModelSize().exact(space, network.anatomy, rows)

    for architecture, size in zip(space.decode(rows), told, strict=True):
        model = network.extract(architecture)
        policy = policy_of(space, network.anatomy, architecture)
        state = quantizer.quantize(model, policy, ranges).state_dict()
        file = tmp_path / "model.safetensors"
        save_file({n: t.contiguous() for n, t in state.items()}, file, metadata={"format": "pt"})
        assert size == pytest.approx(file.stat().st_size, rel=0.01)


def test_another_model_is_counted_anew():
    objective, space = ModelSize(), fakes.space()
    rows = space.encode([space.largest])
    wide = fakes.TinySizes(vocabulary=3000)

    small = objective.exact(space, fakes.anatomy(), rows)
    large = objective.exact(space, fakes.anatomy(wide), rows)

    assert large - small == pytest.approx(4 * 16 * 2700, abs=200)


def test_people_read_megabytes():
    aim = AimInfo(name="model_size", label="size", unit="B", goal="min", exact=True)

    assert format_of(aim, [22_713_216.0]).with_unit(22_713_216.0) == "22.7\u00a0MB"

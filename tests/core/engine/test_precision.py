from __future__ import annotations

import pytest
import torch

from instatune.engine import precision
from instatune.engine.precision import resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_precision_that_is_named_is_taken(name):
    assert resolve_precision(name, CPU) == name


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_only_where_it_is_fast(monkeypatch, fast, expected):
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: fast)
    assert resolve_precision("auto", CPU) == expected


def test_a_torch_without_the_checks_means_fp32(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert resolve_precision("auto", CPU) == "fp32"

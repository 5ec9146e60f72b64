from __future__ import annotations

import pytest

from instatune_plugins.quantizers import Int8Config, int8
from instatune_plugins.quantizers.int8 import Int8


def test_a_processor_without_integer_products_is_told(monkeypatch):
    monkeypatch.setattr(int8, "works", lambda: False)
    assert Int8(Int8Config()).notice == (
        "this processor has no exact instructions for 8-bit integers (AVX512-VNNI, AMX): "
        "quantized networks will be smaller here, but hardly faster"
    )


@pytest.mark.parametrize(("kernels", "works"), [("auto", True), ("fake", False)])
def test_otherwise_there_is_nothing_to_tell(monkeypatch, kernels, works):
    monkeypatch.setattr(int8, "works", lambda: works)
    assert Int8(Int8Config(kernels=kernels)).notice == ""

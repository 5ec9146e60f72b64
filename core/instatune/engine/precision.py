"""Precision: bf16 pays only where the hardware multiplies it; elsewhere it is several times slower.

Measured on a CPU with AVX-512 but neither AMX nor AVX512-BF16: a bf16 matrix product takes five
times as long as a float32 one. With AMX it takes a third.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

import torch

Arithmetic = Literal["fp32", "bf16"]


def resolve_precision(name: str, device: torch.device) -> Arithmetic:
    """Decide what ``auto`` means on a device; other names mean themselves."""
    if name == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    return "bf16" if name == "bf16" else "fp32"


def whole_float32() -> AbstractContextManager[None]:
    """Let convolutions of GPUs compute with all bits of float32, not with the ten of TF32.

    Torch does so for matrix products, but not for convolutions, unless told.
    """
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 matrix products."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Private in torch 2.15, hence the guard: without an answer fp32 is the safe choice.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, check, lambda: False)()) for check in checks)

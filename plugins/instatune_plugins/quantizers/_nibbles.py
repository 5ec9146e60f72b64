"""Integers of 4 bits, two in a byte.

A byte holds ``q + 8`` of an even column in its lower half and of the next column in its upper half,
the order in which ONNX packs its type UINT4. They are taken apart by operators that can be traced
and that runtimes of ONNX have for bytes, so exported networks hold the packed bytes. Shifts, and
differences of bytes, are not among these; floats do the same exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_MIDDLE = 8
_LOWER, _UPPER = 0x0F, 0xF0
_STEP = 16  # from a bit of the lower half to the same of the upper


def pack(integers: Tensor) -> Tensor:
    """Two columns in one: ``uint8 [rows, ceil(columns / 2)]`` of ``int8 [rows, columns]``.

    The last half of an odd row is 0.
    """
    raised = (integers + _MIDDLE).to(torch.uint8)
    even = functional.pad(raised, (0, raised.shape[1] % 2))
    return even[:, ::2] | (even[:, 1::2] * _STEP)


def unpack(packed: Tensor, columns: int) -> Tensor:
    """Whole float32 numbers ``[..., columns]`` of ``uint8 [..., ceil(columns / 2)]``."""
    even, odd = (packed & _LOWER).float(), (packed & _UPPER).float() * (1 / _STEP)
    return torch.stack((even, odd), dim=-1).flatten(-2)[..., :columns] - _MIDDLE

"""Which modules can be quantized, and their weights in one layout."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

Kind: TypeAlias = Literal["linear", "conv", "embedding"]


def kind_of(module: nn.Module) -> Kind | None:
    """What a module computes; None for one that computes in a way of its own.

    The code is compared, not the class: a subclass that only adds to the class is fine, one with
    another ``forward`` is not.
    """
    forward = type(module).forward
    if forward is nn.Linear.forward or _is_transposed(module):
        return "linear"
    if forward is nn.Embedding.forward:
        # With max_norm a look-up rescales the table itself.
        return "embedding" if getattr(module, "max_norm", None) is None else None
    plain = getattr(type(module), "_conv_forward", None) is nn.Conv2d._conv_forward
    return "conv" if plain and forward is nn.Conv2d.forward else None


def weight_of(module: nn.Module) -> Tensor:
    """The weight as ``[outputs, ...]``, detached; for an embedding ``[entries, width]``."""
    weight = raw_weight(module).detach()
    return weight.t() if _is_transposed(module) else weight


def raw_weight(module: nn.Module) -> Tensor:
    """The tensor that the module holds; tied modules hold one and the same."""
    weight = module.weight
    assert isinstance(weight, Tensor)  # noqa: S101 - for the type checker
    return weight


def bias_of(module: nn.Module) -> Tensor | None:
    """A float32 copy of the bias ``[outputs]``; None without."""
    bias = getattr(module, "bias", None)
    return bias.detach().to(torch.float32, copy=True) if isinstance(bias, Tensor) else None


def _is_transposed(module: nn.Module) -> bool:
    """Whether it is the linear layer of GPT-2, which transformers stores as [inputs, outputs]."""
    kind = type(module)
    return kind.__name__ == "Conv1D" and kind.__module__ == "transformers.pytorch_utils"

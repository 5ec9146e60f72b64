"""A copy of a model in which modules are replaced by those that hold low precision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from instatune.supernet.surgery import detached_copy
from instatune_plugins.quantizers._grid import Grid, integers_of, scales_of
from instatune_plugins.quantizers._kinds import bias_of, raw_weight, weight_of
from instatune_plugins.quantizers._modules import (
    BriefConv2d,
    BriefEmbedding,
    BriefLinear,
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
)
from instatune_plugins.quantizers._policy import Place

Weights: TypeAlias = "dict[tuple[int, int], tuple[Tensor, ...]]"
"""Low-precision tensors by the id of the weight and bits: tied modules share them."""


@torch.inference_mode(False)
@torch.no_grad()
def rebuilt(model: nn.Module, places: Iterable[Place]) -> nn.Module:
    """Copy a model and put quantized modules into the places."""
    weights: Weights = {}
    new = {id(place.module): _made(place, weights) for place in places}
    if id(model) in new:
        return new[id(model)]
    copy = detached_copy(model)
    for name, module in model.named_modules(remove_duplicate=False):
        if id(module) in new:
            copy.set_submodule(name, new[id(module)])
    return copy


def _made(place: Place, weights: Weights) -> nn.Module:
    key = (id(raw_weight(place.module)), place.bits)
    if key not in weights:
        weights[key] = _lowered(weight_of(place.module), place.bits)
    make = _brief if place.bits == 16 else _quantized
    return make(place, *weights[key]).train(place.module.training)


def _lowered(weight: Tensor, bits: int) -> tuple[Tensor, ...]:
    if bits == 16:
        return (weight.to(torch.bfloat16, memory_format=torch.contiguous_format),)
    scales = scales_of(weight)
    return integers_of(weight, scales), scales


def _brief(place: Place, weight: Tensor) -> nn.Module:
    module = place.module
    if isinstance(module, nn.Embedding):
        return BriefEmbedding(weight, module.padding_idx)
    if isinstance(module, nn.Conv2d):
        return BriefConv2d(module, weight)
    return BriefLinear(weight, bias_of(module))


def _quantized(place: Place, integers: Tensor, scales: Tensor) -> nn.Module:
    module = place.module
    if isinstance(module, nn.Embedding):
        return QuantizedEmbedding(integers, scales, module.padding_idx)
    grid = Grid.over(*(place.span or (0.0, 0.0)))
    if isinstance(module, nn.Conv2d):
        return QuantizedConv2d(module, integers, scales, grid)
    return QuantizedLinear(integers, scales, bias_of(module), grid)

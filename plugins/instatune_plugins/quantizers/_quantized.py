"""A copy of a model in which modules are replaced by those that hold low precision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from instatune.supernet.surgery import detached_copy
from instatune_plugins.quantizers._grid import Grid
from instatune_plugins.quantizers._kinds import bias_of, raw_weight, weight_of
from instatune_plugins.quantizers._lowered import lowered
from instatune_plugins.quantizers._modules import (
    BriefConv2d,
    BriefEmbedding,
    BriefLinear,
    PackedEmbedding,
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
)
from instatune_plugins.quantizers._narrow import SHARES
from instatune_plugins.quantizers._policy import Place
from instatune_plugins.quantizers._stored import Stored

Weights: TypeAlias = "dict[tuple[int, int], Tensor | Stored]"
"""Low-precision tensors by the id of the weight and bits: tied modules share them."""


@torch.inference_mode(False)
@torch.no_grad()
def rebuilt(model: nn.Module, places: Iterable[Place], *, fake: bool) -> nn.Module:
    """Copy a model and put quantized modules into the places.

    ``fake``: that never compute with kernels for integers.
    """
    weights: Weights = {}
    new = {id(place.module): _made(place, weights, fake) for place in places}
    if id(model) in new:
        return new[id(model)]
    copy = detached_copy(model)
    for name, module in model.named_modules(remove_duplicate=False):
        if id(module) in new:
            copy.set_submodule(name, new[id(module)])
    return copy


def _made(place: Place, weights: Weights, fake: bool) -> nn.Module:
    key = (id(raw_weight(place.module)), place.bits)
    if key not in weights:
        weights[key] = _stored(place)
    low = weights[key]
    made = _brief(place, low) if isinstance(low, Tensor) else _quantized(place, low, fake)
    return made.train(place.module.training)


def _stored(place: Place) -> Tensor | Stored:
    weight = weight_of(place.module)
    if place.bits == 16:
        return weight.to(torch.bfloat16, memory_format=torch.contiguous_format)
    # What waits for its tensors needs no good scales.
    shares = SHARES if place.span is not None else SHARES[:1]
    return Stored.of(lowered(weight, place.bits, table=place.table, shares=shares))


def _brief(place: Place, weight: Tensor) -> nn.Module:
    module = place.module
    if isinstance(module, nn.Embedding):
        return BriefEmbedding(weight, module.padding_idx)
    if isinstance(module, nn.Conv2d):
        return BriefConv2d(module, weight)
    return BriefLinear(weight, bias_of(module))


def _quantized(place: Place, weight: Stored, fake: bool) -> nn.Module:
    module = place.module
    if isinstance(module, nn.Embedding):
        kind = PackedEmbedding if place.bits == 4 else QuantizedEmbedding
        return kind(weight, module.padding_idx)
    grid = Grid.over(*(place.span or (0.0, 0.0)))
    if isinstance(module, nn.Conv2d):
        return QuantizedConv2d(module, weight, grid, fake=fake)
    return QuantizedLinear(weight, bias_of(module), grid, fake=fake)

"""A network that computes as if quantized: forwards of modules are replaced for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, cast

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune_plugins.quantizers import _onednn
from instatune_plugins.quantizers._grid import Grid, spread
from instatune_plugins.quantizers._kinds import bias_of, kind_of, weight_of
from instatune_plugins.quantizers._lowered import lowered
from instatune_plugins.quantizers._policy import Place
from instatune_plugins.quantizers._precision import in_float32, multiplied_in_bfloat16, product_of

Forward: TypeAlias = "Callable[[Tensor], Tensor]"


@attrs.frozen(eq=False)
class Replaced:
    """Modules with what they are to compute instead.

    Attributes:
        forwards: Pairs of a module and its quantized forward.
    """

    forwards: tuple[tuple[nn.Module, Forward], ...]

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let the modules compute so until the context ends, by exception or not."""
        before = [(module, vars(module).get("forward")) for module, _ in self.forwards]
        try:
            for module, forward in self.forwards:
                vars(module)["forward"] = forward
            yield
        finally:
            for module, old in before:
                if old is None:
                    vars(module).pop("forward", None)
                else:
                    vars(module)["forward"] = old


def replaced(places: Iterable[Place], *, fake: bool) -> Replaced:
    """Prepare quantized forwards; ``fake``: never with kernels for integers."""
    with torch.inference_mode(False), torch.no_grad():
        return Replaced(tuple((place.module, _forward(place, fake)) for place in places))


def _forward(place: Place, fake: bool) -> Forward:
    module, kind = place.module, kind_of(place.module)
    if kind == "embedding":
        return _lookup(place)
    if place.bits == 16:
        return _in_float32(multiplied_in_bfloat16(module))
    weight, bias = weight_of(module), bias_of(module)
    low = lowered(weight, place.bits, table=place.table)
    grid = Grid.over(*cast("tuple[float, float]", place.span))
    one_each = low.scales.dim() == 1  # kernels know no groups
    if not fake and one_each and weight.device.type == "cpu" and _onednn.works():
        affine = (low.integers, low.scales, bias, grid)
        if kind == "linear":
            return _in_float32(_onednn.linear(*affine))
        if _onednn.takes(module):
            conv = cast("nn.Conv2d", module)
            return _in_float32(_onednn.convolution(conv, *affine))
    product, rounded = product_of(module), low.floats
    return _in_float32(lambda x: product(grid.rounded(x), rounded, bias))


def _lookup(place: Place) -> Forward:
    """A look-up in the rounded table."""
    table = weight_of(place.module)
    if place.bits == 16:
        brief = table.bfloat16()
        return lambda input: functional.embedding(input, brief).float()
    low, width = lowered(table, place.bits, table=place.table), table.shape[1]
    integers, scales = low.integers, low.scales
    if scales.dim() > 1:
        return lambda input: functional.embedding(input, integers) * spread(scales[input], width)
    return lambda input: functional.embedding(input, integers) * scales[input][..., None]


def _in_float32(forward: Forward) -> Forward:
    """Give it float32 inputs, and no autocast around it."""

    # The argument has the name that torch's modules give it.
    def guarded(input: Tensor) -> Tensor:
        with in_float32(input):
            return forward(input.detach().float())

    return guarded

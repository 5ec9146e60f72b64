"""Calibration: what comes into the modules of a model while it runs over training examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil, isfinite
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from instatune.errors import DataError
from instatune.interfaces import Batch
from instatune_plugins.quantizers._kinds import kind_of

if TYPE_CHECKING:
    from instatune_plugins.quantizers import Int8Config


def listen(
    model: nn.Module,
    forward: Callable[[nn.Module, Batch], object],
    batches: Iterable[Batch],
    config: Int8Config,
) -> dict[str, tuple[float, float]]:
    """Ranges of the inputs of all modules that can be quantized and that ran, by each name.

    Raises:
        DataError: There is no batch, or an input is not finite.
    """
    ears = [_Ear(name, module, config) for name, module in model.named_modules() if kind_of(module)]
    empty = True
    with _listening(model, ears):
        for index, batch in enumerate(batches):
            empty = False
            for ear in ears:
                ear.batch = index
            forward(model, batch)
    if empty:
        raise DataError("quantizer int8: no training batch to calibrate with; use at least one")
    found = {id(ear.module): ear.span() for ear in ears if ear.spans}
    names = model.named_modules(remove_duplicate=False)
    return {name: found[id(module)] for name, module in names if id(module) in found}


class _Ear:
    """Remembers the range of each input of one module."""

    def __init__(self, name: str, module: nn.Module, config: Int8Config) -> None:
        self.name, self.module, self.config = name, module, config
        self.looks_up = kind_of(module) == "embedding"
        self.spans: list[tuple[float, float]] = []
        self.batch = 0

    def __call__(
        self, module: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        """Pre-hook of the module."""
        x = next((a for a in (*arguments, *named.values()) if isinstance(a, Tensor)), None)
        if x is None or not x.numel():
            return
        # Indices have no range; the module is listed because it ran.
        self.spans.append((0.0, 0.0) if self.looks_up else self._measured(x.detach().float()))

    def span(self) -> tuple[float, float]:
        """The range over all batches."""
        lows, highs = zip(*self.spans, strict=True)
        if self.config.range == "percentile":
            return fmean(lows), fmean(highs)
        return min(lows), max(highs)

    def _measured(self, x: Tensor) -> tuple[float, float]:
        low, high = (float(end) for end in torch.aminmax(x))
        if not (isfinite(low) and isfinite(high)):
            raise DataError(
                f"quantizer int8: an input of module {self.name!r} is not finite in calibration "
                f"batch {self.batch}; check the examples and whether training converged"
            )
        if self.config.range == "minmax":
            return low, high
        return _inner(x.flatten(), self.config.percentile / 100)


def _inner(x: Tensor, share: float) -> tuple[float, float]:
    """The number that ``share`` of all lie at or below, and its counterpart from above."""
    rank = ceil(share * len(x))
    return float(x.kthvalue(len(x) + 1 - rank).values), float(x.kthvalue(rank).values)


@contextmanager
def _listening(model: nn.Module, ears: Iterable[_Ear]) -> Iterator[None]:
    """Evaluation mode in float32 with hooks; all undone at the end, whatever happens."""
    modes = [(module, module.training) for module in model.modules()]
    device = next((p.device.type for p in model.parameters()), "cpu")
    handles = [e.module.register_forward_pre_hook(e, with_kwargs=True) for e in ears]
    try:
        model.eval()
        with torch.no_grad(), torch.autocast(device, enabled=False):
            yield
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training

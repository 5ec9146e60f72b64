"""Let libraries that draw from torch's global generator draw from ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def drawn_from(generator: torch.Generator) -> Iterator[None]:
    """Seed the global generator of the CPU by ``generator`` until the context ends."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@torch.no_grad()
def draw(model: nn.Module, names: list[str], deviation: float, generator: torch.Generator) -> None:
    """Initialise parameters as vision transformers do: normal matrices, zero biases, unit norms."""
    for name in names:
        parameter = model.get_parameter(name)
        if parameter.ndim > 1:
            parameter.normal_(0.0, deviation, generator=generator)
        elif name.endswith("norm.weight"):
            parameter.fill_(1.0)
        else:
            parameter.zero_()

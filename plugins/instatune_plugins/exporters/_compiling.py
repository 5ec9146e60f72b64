"""Programs of torch, made fast by its compiler.

It multiplies bytes in quantized programs if it knows the kernels, which torchao tells it of, and if
weights are constants to it. Otherwise it multiplies rounded floats.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
import torch._inductor.config
from torch import Tensor, fx

from instatune_plugins.exporters._quiet import quiet


def compiled(program: fx.GraphModule) -> Callable[..., Tensor]:
    """Compile the module of a program for sizes of any kind; done when it first runs."""
    fast = cast("Callable[..., Tensor]", torch.compile(program, dynamic=True))
    return _frozen(fast) if _is_quantized(program) and _knows_kernels() else fast


def _is_quantized(program: fx.GraphModule) -> bool:
    return any("quantized_decomposed" in str(node.target) for node in program.graph.nodes)


def _knows_kernels() -> bool:
    """Tell the compiler of kernels for bytes, if they are here."""
    try:
        with quiet():
            import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer  # noqa: F401
    except ImportError:
        return False
    return True


def _frozen(fast: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let weights be constants, which are packed for the kernels, each time that it compiles."""
    seen: set[tuple[torch.Size, ...]] = set()

    def call(*tensors: Tensor) -> Tensor:
        shapes = tuple(tensor.shape for tensor in tensors)
        if shapes in seen:  # To set the compiler up takes longer than to run a small network.
            return fast(*tensors)
        with _freezing():
            found = fast(*tensors)
        seen.add(shapes)
        return found

    return call


@contextmanager
def _freezing() -> Iterator[None]:
    with torch._inductor.config.patch(freezing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of how torch copies its own tensors.
        yield

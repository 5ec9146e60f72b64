"""Kernels for integers in place of what a module is written as: when, and kept for how long.

Who traces, exports, compiles or watches a module wants the operators that say what is meant. Who
simply calls it on a CPU wants the numbers: for that the weight is packed once, in the order that
the processor likes, and kept beside the stored one.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import TypeAlias

import attrs
import torch
from torch import Tensor, nn
from torch._C import _is_tracing
from torch._C._functorch import peek_interpreter_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode

from instatune_plugins.quantizers import _onednn
from instatune_plugins.quantizers._grid import Grid
from instatune_plugins.quantizers._onednn import Forward

Sources: TypeAlias = "tuple[Tensor, Tensor, Tensor | None, Grid]"
"""What a kernel is made of: weight as it is stored, its scales, bias if any, grid of the inputs."""


@attrs.frozen(eq=False)
class Packed:
    """A kernel with its weight.

    Attributes:
        run: Inputs in float32 to outputs in float32.
        sources: What it was made of, held so that nothing else gets their identity.
        marks: Of the sources when it was made.
    """

    run: Forward
    sources: Sources
    marks: tuple[int, ...]

    @classmethod
    def of(cls, make: Callable[[], Forward], sources: Sources) -> Packed:
        """Pack, so that it works in and outside of inference mode."""
        marks = _marks(sources)
        with torch.inference_mode(False), torch.no_grad():
            return cls(make(), sources, marks)

    def stands_for(self, sources: Sources) -> bool:
        """Whether these are the same, and nobody has written into them since.

        What is written through ``tensor.data`` escapes torch's count of changes, and this.
        """
        return all(map(is_, self.sources, sources)) and self.marks == _marks(sources)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # Packed memory has no portable form: a copied or unpickled module has None, and packs anew.
        return type(None), ()


def simply_called(x: Tensor, sources: Sources) -> bool:
    """Whether nothing but the numbers of ``x`` matters.

    Kernels give no gradients. The operators of the reference give none for ``x`` either, because
    there are none through bytes, but for the floats that the module holds.
    """
    watched = (
        torch.compiler.is_compiling()
        or _is_tracing()  # by torch.jit
        or _get_current_dispatch_mode() is not None
        or peek_interpreter_stack() is not None  # vmap, grad and their like
    )
    return not watched and type(x) is Tensor and x.device.type == "cpu" and not _learns(sources)


def can_be_packed(sources: Sources) -> bool:
    """Whether there are kernels for this weight here, and its changes can be noticed."""
    weight, *floats = _tensors(sources)
    return (
        floats[0].dim() == 1  # kernels know no groups of scales
        and all(tensor.dtype == torch.float32 for tensor in floats)
        and all(map(_is_plain, (weight, *floats)))
        and _onednn.works()
    )


def _learns(sources: Sources) -> bool:
    return torch.is_grad_enabled() and any(t.requires_grad for t in _tensors(sources))


def _is_plain(tensor: Tensor) -> bool:
    # Inference tensors do not count their changes.
    usual = type(tensor) in (Tensor, nn.Parameter) and not tensor.is_inference()
    return usual and tensor.device.type == "cpu"


def _tensors(sources: Sources) -> tuple[Tensor, ...]:
    weight, scales, bias, _ = sources
    return (weight, scales) if bias is None else (weight, scales, bias)


def _marks(sources: Sources) -> tuple[int, ...]:
    # The address tells of what was assigned to `tensor.data`.
    return tuple(mark for t in _tensors(sources) for mark in (t.data_ptr(), t._version))

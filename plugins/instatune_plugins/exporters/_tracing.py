"""A network as a graph of tensors, traced by ``torch.export``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from instatune.errors import PluginError
from instatune.interfaces import Adapter, Batch, Network

OUTPUT = "logits"


def trace(network: Network, model: nn.Module, exporter: str) -> ExportedProgram:
    """Trace a network so that it takes any number of examples, and tokens of any length.

    Its inputs are called as in a batch, in the order in which the adapter reads them. The first
    axis of all of them is dynamic; so are the others of whole numbers, which are choices and
    tokens. Images keep their size.

    Args:
        network: What it is; its ``example`` is traced with.
        model: Its form that is written.
        exporter: Name of the format, for messages.

    Raises:
        PluginError: There is no example, or the model has a branch that cannot be traced.
    """
    example = _example(network, model, exporter)
    graph = Named(network.adapter, model, tuple(example)).eval()
    try:
        with torch.no_grad():
            return torch.export.export(
                graph, tuple(example.values()), dynamic_shapes=dynamic(example), strict=False
            )
    except Exception as error:  # of whatever the model and torch raise
        raise refused(network, exporter, "traced by torch.export", error) from error


def refused(network: Network, exporter: str, what: str, error: BaseException) -> PluginError:
    """The error of a network that a library cannot write."""
    return PluginError(
        f"exporter {exporter!r}: {title(network)} cannot be {what} ({reason(error)}); "
        f"take {exporter!r} out of `export` to write it in the other formats"
    )


def title(network: Network) -> str:
    """What messages call a network."""
    name = network.facts.get("name", "")
    key = f"network {network.architecture.key}"
    return f"{key} ({name})" if name else key


def reason(error: BaseException) -> str:
    """The first line of the error that began it all."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


class Named(nn.Module):
    """Logits of a model whose inputs are separate tensors with names."""

    def __init__(self, adapter: Adapter, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = model

        def forward(*inputs: Tensor, **named: Tensor) -> Tensor:
            return adapter.logits(model, {**dict(zip(names, inputs, strict=False)), **named})

        # torch.export names the inputs of its graph after the parameters of `forward`.
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind) for name in names]
        forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        self.forward = forward


class _Read(Mapping[str, Tensor]):
    """A batch that remembers which of its tensors were looked at."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.names: dict[str, None] = {}

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._batch[name]
        self.names[name] = None
        return tensor

    def __contains__(self, name: object) -> bool:
        return name in self._batch

    def __iter__(self) -> Iterator[str]:
        return iter(self._batch)

    def __len__(self) -> int:
        return len(self._batch)


def _example(network: Network, model: nn.Module, exporter: str) -> dict[str, Tensor]:
    """What the adapter reads of the example, no axis of which may be taken for a constant."""
    if not network.example:
        raise PluginError(
            f"exporter {exporter!r}: {title(network)} comes without an example batch, which it is "
            "traced with; give Network(example=...) two examples"
        )
    read = _Read(network.example)
    with torch.inference_mode():
        network.adapter.logits(model, read)
    example = {name: network.example[name] for name in read.names}
    return {name: _twice(tensor) for name, tensor in example.items()}


def _twice(tensor: Tensor) -> Tensor:
    """Repeat what dynamic axes hold only once: torch.export takes a 1 for a constant."""
    axes = _free_axes(tensor)
    repeats = [2 if axis in axes and size == 1 else 1 for axis, size in enumerate(tensor.shape)]
    return tensor.repeat(repeats).clone()


def dynamic(example: Batch) -> dict[str, dict[int, Any]]:
    """Which axes of the inputs are of any size: those that :func:`trace` tells of."""
    examples = Dim("examples", min=1)
    return {
        name: {axis: Dim.DYNAMIC if axis else examples for axis in _free_axes(tensor)}
        for name, tensor in example.items()
    }


def _free_axes(tensor: Tensor) -> tuple[int, ...]:
    whole = not tensor.is_floating_point()
    return tuple(range(tensor.ndim)) if whole else (0,)

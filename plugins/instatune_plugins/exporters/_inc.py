"""Neural Compressor at work: from full precision to a graph with integers.

It takes the route of PyTorch 2 Export: observers are put into a traced graph, calibration batches
run through it, and rounding takes the place of the observers. A policy decides which modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers quantized operators
from torch.export import ExportedProgram

from instatune.errors import DataError, PluginError
from instatune.interfaces import Network
from instatune.supernet.surgery import detached_copy
from instatune_plugins.exporters._quiet import quiet
from instatune_plugins.exporters._runtime import inputs
from instatune_plugins.exporters._tracing import dynamic, refused, title, trace

NAME = "neural_compressor"
BITS = 8

_PREFIX = "network."  # of the names of modules in a traced graph
_MULTIPLY = (
    torch.ops.aten.linear.default,
    torch.ops.aten.conv1d.default,
    torch.ops.aten.conv2d.default,
)
_WEIGHTS = torch.ops.quantized_decomposed.dequantize_per_channel.default


def quantized_program(network: Network, quantized: nn.Module) -> ExportedProgram:
    """Quantize what the policy names, and trace the outcome.

    Args:
        network: Of which the model in full precision is taken.
        quantized: Its quantized form, of which look-up tables are taken.

    Raises:
        DataError: There are no calibration batches, or they lack an input.
        PluginError: The policy asks for what Neural Compressor cannot do.
    """
    _check(network)
    model, tables = _with_tables(network, quantized)
    program = trace(network, model, NAME)
    names = cast("tuple[str, ...]", program.graph_signature.user_inputs)
    example = cast("tuple[Tensor, ...]", program.example_inputs[0])
    batches = [tuple(inputs(batch, names).values()) for batch in network.calibration]
    shapes = dynamic(dict(zip(names, example, strict=True)))
    graph = program.module()
    # What its own `export` leaves for `prepare`; that one traces by itself, with other names.
    graph._exported, graph.dynamic_shapes = True, shapes  # type: ignore[assignment]
    chosen = [name for name in network.policy if name not in tables]
    try:
        with quiet(), torch.no_grad():
            converted = _converted(graph, chosen, batches)
            _fold(converted)
            again = torch.export.export(converted, example, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # of whatever it and torch raise
        raise refused(network, NAME, "quantized by Neural Compressor", error) from error
    _refuse_left(network, chosen, converted)
    return again


def _check(network: Network) -> None:
    others = {name: bits for name, bits in network.policy.items() if bits != BITS}
    if others:
        name, bits = next(iter(others.items()))
        raise PluginError(
            f"exporter {NAME!r} writes {BITS} bits, but {title(network)} has {bits} at {name!r}"
            f"{_more(others)}; use 'torch_export', or search with `choices: [{BITS}, 32]`"
        )
    if not network.calibration:
        raise DataError(
            f"exporter {NAME!r}: {title(network)} comes without calibration batches, which Neural "
            "Compressor measures; give Network(calibration=...) some training batches"
        )


def _with_tables(network: Network, quantized: nn.Module) -> tuple[nn.Module, set[str]]:
    """A copy with the look-up tables of the policy as the quantizer made them, and their names.

    Neural Compressor leaves them alone.
    """
    modules = dict(network.model.named_modules(remove_duplicate=False))
    lowered = {id(modules[name]) for name in network.policy}
    tables = {
        name
        for name, module in modules.items()
        if id(module) in lowered and isinstance(module, nn.Embedding)
    }
    copy = detached_copy(network.model)
    for name in tables:
        copy.set_submodule(name, quantized.get_submodule(name))
    return copy, tables


def _converted(
    graph: fx.GraphModule, chosen: Iterable[str], batches: Iterable[tuple[Tensor, ...]]
) -> fx.GraphModule:
    """Prepare, calibrate and convert.

    Full precision is the rule and eight bits the exception: by its default it would quantize
    products of activations too, which are in no policy.
    """
    from neural_compressor.torch.quantization import (
        StaticQuantConfig,
        convert,
        get_default_static_config,
        prepare,
    )

    config = StaticQuantConfig(w_dtype="fp32", act_dtype="fp32")
    for name in chosen:
        config.set_local(_PREFIX + name, get_default_static_config())
    prepared = prepare(graph, quant_config=config)
    _calibrate(prepared, batches)
    return cast("fx.GraphModule", convert(prepared))


def _calibrate(prepared: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Give each observer the widest range that it saw in any batch.

    By itself it would go from its first range a hundredth of the way to each later one, so that the
    first batch would decide.
    """
    from torchao.quantization.pt2e.observer import MovingAverageMinMaxObserver

    observers = [m for m in prepared.modules() if isinstance(m, MovingAverageMinMaxObserver)]
    spans = []
    for batch in batches:
        prepared(*batch)
        spans.append([(each.min_val.clone(), each.max_val.clone()) for each in observers])
        for observer in observers:
            observer.reset_min_max_vals()
    for observer, found in zip(observers, zip(*spans, strict=True), strict=True):
        lows, highs = zip(*found, strict=True)
        observer.min_val, observer.max_val = torch.stack(lows).amin(0), torch.stack(highs).amax(0)


def _fold(graph: fx.GraphModule) -> None:
    """Round weights for good, and drop the floats that they were."""
    from torchao.quantization.pt2e.constant_fold import constant_fold

    constant_fold(graph, lambda node: "quantize_per_channel" in str(node.target))
    used = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    named = (*graph.named_parameters(remove_duplicate=False), *graph.named_buffers())
    for name, _ in named:
        if name not in used:
            owner, _, leaf = name.rpartition(".")
            delattr(graph.get_submodule(owner), leaf)


def _refuse_left(network: Network, chosen: Iterable[str], graph: fx.GraphModule) -> None:
    """See that all modules multiply integers now.

    Raises:
        PluginError: One does not.
    """
    done = {_place(node) for node in graph.graph.nodes if _is_lowered(node)}
    left = [name for name in chosen if name not in done]
    if left:
        raise PluginError(
            f"exporter {NAME!r}: Neural Compressor leaves {left[0]!r}{_more(left)} of "
            f"{title(network)} in full precision, because it knows linear layers and convolutions "
            "of torch only; use 'torch_export'"
        )


def _is_lowered(node: fx.Node) -> bool:
    weight = node.args[1] if node.target in _MULTIPLY else None
    return isinstance(weight, fx.Node) and weight.target is _WEIGHTS


def _place(node: fx.Node) -> str:
    """Name of the module that a node comes from."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    name: str = list(stack.values())[-1][0]
    return name.removeprefix(_PREFIX)


def _more(names: Iterable[str]) -> str:
    count = len(list(names)) - 1
    return f" and {count} more modules" if count else ""

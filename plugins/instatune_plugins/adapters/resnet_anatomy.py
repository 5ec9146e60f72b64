"""The anatomy of ResNets, read off the modules.

The channels inside a block are one group: in a basic block the outputs of the first convolution; in
a bottleneck those of the first two, which shrink together, as in Once-for-All (Cai et al., ICLR
2020, arXiv 1908.09791). Batch normalisation treats each channel alone and is cut with it. Blocks
that change the size of their input cannot be left out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Cut, Group, Stack, Work
from instatune.supernet.fit import buffers, verify

FAMILY = "ResNet"
KIND = "channels"
_STAGES = ("layer1", "layer2", "layer3", "layer4")
_INNER: dict[type, tuple[tuple[str, ...], str]] = {
    # Convolutions with the norms behind them that write inner channels, and the one that reads.
    BasicBlock: (("conv1", "bn1"), "conv2"),
    Bottleneck: (("conv1", "bn1", "conv2", "bn2"), "conv3"),
}


def describe(model: Any) -> Anatomy:
    """Describe a model; MACs are those of images of its ``input_size``.

    Raises:
        CheckpointError: Something differs; names the first module that does.
    """
    stages = {name: getattr(model, name) for name in _STAGES if hasattr(model, name)}
    groups = tuple(
        _group(model, stage, index, block)
        for stage, blocks in stages.items()
        for index, block in enumerate(blocks)
    )
    anatomy = Anatomy(
        family=FAMILY,
        stacks=tuple(
            Stack(name=name, path=name, layers=len(blocks), required=_required(blocks))
            for name, blocks in stages.items()
        ),
        groups=groups,
        shapes={name: tuple(tensor.shape) for name, tensor in model.named_parameters()},
        work=tuple(_work(model)),
        buffers=buffers(model),
        tokens=1,
        max_tokens=1,
    )
    verify(anatomy, model)
    return anatomy


def _required(blocks: nn.Sequential) -> tuple[int, ...]:
    """Blocks whose output has another size than their input."""
    changed = enumerate(block.downsample is not None for block in blocks)
    return tuple(index for index, changes in changed if changes)


def _group(model: nn.Module, stage: str, index: int, block: nn.Module) -> Group:
    path = f"{stage}.{index}"
    if type(block) not in _INNER:
        raise _differs(model, path, block, "not a BasicBlock or Bottleneck of timm")
    writers, reader = _INNER[type(block)]
    for name in (*writers, reader, "aa"):
        _check(model, f"{path}.{name}", block.get_submodule(name))
    units = block.get_parameter(f"{reader}.weight").shape[1]
    readers = [
        Cut(f"{path}.{name}.weight", 1)
        for name in (reader, *writers[1:])
        if name.startswith("conv")
    ]
    cuts = [cut for name in writers for cut in _outputs(f"{path}.{name}", block, name)]
    first = block.get_parameter("conv1.weight").shape[0]
    if first != units:
        raise CheckpointError(
            f"{type(model).__name__} is not built as the {FAMILY} family is: module "
            f"'{path}.conv1' has {first} outputs, but '{path}.{reader}' reads {units}; both must "
            "be the inner width of the block"
        )
    return Group(
        name=f"{KIND}.{path}",
        kind=KIND,
        units=units,
        cuts=(*cuts, *readers),
        outgoing=readers[0],
        also_outgoing=tuple(readers[1:]),
        stack=stage,
        layer=index,
    )


def _outputs(path: str, block: nn.Module, name: str) -> Iterator[Cut]:
    """All tensors of a module with one entry for each output; a count of batches has none."""
    module = block.get_submodule(name)
    for tensors in (module.named_parameters(recurse=False), module.named_buffers(recurse=False)):
        yield from (Cut(f"{path}.{key}", 0) for key, tensor in tensors if tensor.dim())


def _check(model: nn.Module, path: str, module: nn.Module) -> None:
    """Refuse what does not treat each inner channel alone, or reads others than it says."""
    name = path.rpartition(".")[2]
    if name.startswith("bn"):
        if not isinstance(module, _BatchNorm):
            raise _differs(model, path, module, "not a BatchNorm, which treats each channel alone")
    elif name == "aa":
        if not isinstance(module, (nn.Identity, nn.AvgPool2d)):
            raise _differs(model, path, module, "which has a filter for each channel")
    elif type(module) is not nn.Conv2d:
        raise _differs(model, path, module, "not a plain Conv2d")
    elif module.groups != 1:
        raise _differs(
            model, path, module, f"of {module.groups} groups of channels, which cannot be cut apart"
        )


def _differs(model: nn.Module, path: str, module: nn.Module, how: str) -> CheckpointError:
    return CheckpointError(
        f"{type(model).__name__} is not built as the {FAMILY} family is: module {path!r} is a "
        f"{type(module).__name__}, {how}; choose a plain ResNet, such as resnet18 or resnet50"
    )


def _work(model: Any) -> Iterator[Work]:
    """Positions that each weight is applied at, from a pass without numbers."""
    found: list[Work] = []
    hollow = _hollow(model)
    first = next(module for module in hollow.modules() if isinstance(module, nn.Conv2d))
    for path, module in hollow.named_modules():
        if isinstance(module, (_ConvNd, nn.Linear)):
            module.register_forward_hook(partial(_count, found, path))
    sides = model.pretrained_cfg["input_size"][1:]
    with torch.no_grad():
        hollow(torch.empty(1, first.in_channels, *sides, device="meta"))
    yield from found


def _count(
    found: list[Work], path: str, module: nn.Module, inputs: object, output: torch.Tensor
) -> None:
    """Hook: of one example, each output channel has one value for each position."""
    positions = output.numel() // module.get_parameter("weight").shape[0]
    found.append(Work(f"{path}.weight", positions=positions, tokens_power=0))


def _hollow(model: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes but no numbers."""
    memo: dict[int, Any] = {
        id(buffer): torch.empty_like(buffer, device="meta") for buffer in model.buffers()
    }
    for parameter in model.parameters():
        empty = torch.empty_like(parameter, device="meta")
        memo[id(parameter)] = nn.Parameter(empty, parameter.requires_grad)
    return copy.deepcopy(model, memo).eval()

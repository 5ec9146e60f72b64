"""Statistics of batch normalisation, worked out anew for one sub-network.

In training, batch normalisations average mean and variance of their inputs over all networks that
are drawn: what stands in the shared buffers in the end is right for none of them. So before a
sub-network is scored or cut out, it is run over a few training batches and takes averages of its
own (Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019,
arXiv 1903.05134; likewise Once-for-All, arXiv 1908.09791, and BigNAS, arXiv 2003.11142).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from instatune.interfaces import Batch


@attrs.frozen
class Statistics:
    """What the batch normalisations of one network compute with instead of the shared buffers.

    Attributes:
        buffers: Tensors by module and name; empty for a network without batch normalisation.
    """

    buffers: tuple[tuple[nn.Module, Mapping[str, Tensor]], ...] = ()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let the modules compute with these until the context ends, by exception or not.

        Open it while the network is active, and close it before: what stood there is put back.
        """
        before = [(module, dict(module._buffers)) for module, _ in self.buffers]
        try:
            for module, mine in self.buffers:
                module._buffers.update(mine)
            yield
        finally:
            for module, shared in before:
                module._buffers.update(shared)


def normalisations(model: nn.Module) -> tuple[_BatchNorm, ...]:
    """All batch normalisations of a model that keep averages, in the form it is held in."""
    return tuple(
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    )


def statistics(
    model: nn.Module, batches: Iterable[Batch], forward: Callable[[nn.Module, Batch], object]
) -> Statistics:
    """Average the statistics of a network over batches, each batch with the same weight.

    In float32, without gradients; only batch normalisations work as in training, all else as in
    evaluation. The model is left as it was.

    Args:
        model: In the form of the network.
        batches: On its device; not asked for where the model has no batch normalisation. None at
            all: the shared statistics stay.
        forward: Runs the model on a batch.
    """
    found = normalisations(model)
    if not found:
        return Statistics()
    made, count = Statistics(tuple((module, _blank(module)) for module in found)), 0
    device = next(iter(made.buffers[0][1].values())).device.type
    with _averaging(model, found), made.standing(), torch.autocast(device, enabled=False):
        for batch in batches:
            forward(model, batch)
            count += 1
    return made if count else Statistics()


@contextmanager
def _averaging(model: nn.Module, found: tuple[_BatchNorm, ...]) -> Iterator[None]:
    """Let batch normalisations gather plain averages; put modes and momenta back at the end."""
    modes = [(module, module.training) for module in model.modules()]
    momenta = [module.momentum for module in found]
    try:
        model.eval()
        for module in found:
            module.training, module.momentum = True, None  # None: all batches weigh the same
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        for other, training in modes:
            other.training = training
        for module, momentum in zip(found, momenta, strict=True):
            module.momentum = momentum


@torch.inference_mode(False)
def _blank(module: _BatchNorm) -> dict[str, Tensor]:
    mean, variance = module.running_mean, module.running_var
    assert mean is not None  # noqa: S101 - for the type checker
    assert variance is not None  # noqa: S101 - likewise
    return {
        "running_mean": torch.zeros_like(mean),
        "running_var": torch.ones_like(variance),
        "num_batches_tracked": torch.zeros((), dtype=torch.long, device=mean.device),
    }

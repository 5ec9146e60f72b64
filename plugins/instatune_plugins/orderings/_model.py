"""Looking at a model, and working on it, without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor, nn

from instatune.errors import DataError, TrainingError
from instatune.interfaces import Batch, Probe


def batches_of(probe: Probe, ordering: str) -> tuple[Batch, ...]:
    """Batches of the probe, at least one.

    Raises:
        DataError: There is none.
    """
    if not probe.batches:
        raise DataError(f"ordering {ordering}: no training batch to look at; use at least one")
    return probe.batches


@contextmanager
def measuring(model: nn.Module, weights: tuple[nn.Parameter, ...] = ()) -> Iterator[None]:
    """Evaluation mode, and gradients for these weights; both undone at the end."""
    modes = [(module, module.training) for module in model.modules()]
    frozen = [weight for weight in weights if not weight.requires_grad]
    try:
        model.eval()
        for weight in frozen:
            weight.requires_grad_(True)
        with torch.enable_grad():
            yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)
        for module, training in modes:
            module.training = training


@contextmanager
def on_a_copy(model: nn.Module) -> Iterator[None]:
    """Let the weights be trained, and put the old ones back at the end, bit for bit.

    The loss of a probe is bound to its model, so the copy is what is kept aside. Dropout is off:
    the scores depend on the weights and batches alone.
    """
    kept = [(tensor, tensor.detach().clone()) for tensor in (*model.parameters(), *model.buffers())]
    try:
        with measuring(model, tuple(model.parameters())):
            yield
    finally:
        with torch.no_grad():
            for tensor, old in kept:
                tensor.copy_(old)


def checked(loss: Tensor, ordering: str, batch: int) -> Tensor:
    """The loss, if it is finite.

    Raises:
        TrainingError: It is not.
    """
    value = float(loss.detach())
    if not isfinite(value):
        raise TrainingError(
            f"ordering {ordering}: the loss of batch {batch} is {value}; check the teacher, use a "
            "smaller rate, or order by l1"
        )
    return loss


def stepped(
    optimiser: torch.optim.Optimizer, leaves: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> None:
    """Take one step with these gradients; those that the leaves had before stay."""
    kept = [leaf.grad for leaf in leaves]
    try:
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        optimiser.step()
    finally:
        for leaf, old in zip(leaves, kept, strict=True):
            leaf.grad = old

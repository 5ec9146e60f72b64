"""The most memory that tensors take during a step, as torch's allocator records it.

Peak resident size, which the system tells, holds libraries, what earlier steps left behind and
pages that were never given back; it differs from run to run. The allocator's own record of each
allocation and release is the same every time, and it sees all tensors: activations that are saved
for the backward pass, gradients, slices and temporaries. What there was before the step (weights
and the state of the optimiser) is added.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile


def standing(model: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Bytes of weights, buffers and the state of an optimiser; gradients must not be there."""
    if any(parameter.grad is not None for parameter in model.parameters()):
        raise ValueError("there are gradients from an earlier step; call zero_grad before")
    states = [
        value
        for state in optimiser.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    tensors = [*model.parameters(), *model.buffers(), *states]
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def rise(step: Callable[[], object]) -> int:
    """Bytes that are taken during a call beyond those that were taken before, at the worst time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    now = most = 0
    # The event list of the profiler; its public tables have sums, but not the order of events.
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most

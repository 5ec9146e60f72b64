"""What tells two models apart, or two descriptions of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.space import Anatomy

if TYPE_CHECKING:
    from torch import nn


def essence(anatomy: Anatomy) -> tuple[object, ...]:
    """What a search space needs of an anatomy."""
    groups = {(g.name, g.kind, g.units, g.stack, g.layer, g.minimum) for g in anatomy.groups}
    return groups, {(s.name, s.layers, s.required) for s in anatomy.stacks}, anatomy.embeddings


def differences(first: nn.Module, second: nn.Module) -> list[str]:
    """Names of tensors of the state that are not equal to the last bit."""
    other = second.state_dict()
    return [name for name, t in first.state_dict().items() if not t.equal(other[name])]


def saved_bytes(model: nn.Module) -> int:
    """Bytes of parameters and persistent buffers, shared ones once."""
    state = model.state_dict()
    tensors = (*model.named_parameters(), *model.named_buffers())
    return sum(tensor.nbytes for name, tensor in tensors if name in state)

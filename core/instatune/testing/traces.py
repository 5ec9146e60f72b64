"""What a model is made of, to see whether it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def state_of(model: nn.Module) -> Mapping[str, object]:
    """Everything that must not change: tensors, modes, hooks and attributes of modules."""
    weights = {name: repr(tensor.tolist()) for name, tensor in model.state_dict().items()}
    modules = dict(model.named_modules())
    hooks = {name: len(m._forward_hooks) + len(m._forward_pre_hooks) for name, m in modules.items()}
    attributes = {name: (type(m), m.training, sorted(vars(m))) for name, m in modules.items()}
    return {"weights": weights, "hooks": hooks, "attributes": attributes}


def bytes_of(model: nn.Module) -> int:
    """Bytes of the tensors in the state dict, tied ones once."""
    tensors = {tensor.data_ptr(): tensor for tensor in model.state_dict().values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())

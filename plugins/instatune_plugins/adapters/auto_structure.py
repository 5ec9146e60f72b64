"""Finding the layers of a transformer: one list of like modules, each with attention."""

from __future__ import annotations

import attrs
from torch import nn

from instatune.errors import CheckpointError
from instatune_plugins.adapters.auto_layer import Layer, Unrecognised, has_attention, read


@attrs.frozen(kw_only=True)
class Structure:
    """A model with one list of like layers.

    Attributes:
        path: Of the list.
        layers: What is in them.
    """

    path: str
    layers: tuple[Layer, ...]


def recognise(model: nn.Module, expected_layers: int | None = None) -> Structure:
    """Find the layers of a model and what is in them.

    Args:
        model: Of full size.
        expected_layers: As its configuration says; None if unknown.

    Raises:
        CheckpointError: Something could not be found, or is not as expected; names the module.
    """
    try:
        path, layers = _stack(model)
        if expected_layers not in (None, len(layers)):
            raise Unrecognised(
                f"module {path!r} has {len(layers)} layers where the configuration says "
                f"{expected_layers}: layers are shared, so none can be cut alone"
            )
        _check_unshared(path, layers)
        found = tuple(read(f"{path}.{i}", layer, i) for i, layer in enumerate(layers))
        _check_alike(path, found)
    except Unrecognised as error:
        raise refused(model, str(error)) from error
    return Structure(path=path, layers=found)


def refused(model: nn.Module, reason: str) -> CheckpointError:
    """The error for a model that cannot be made elastic by its structure."""
    return CheckpointError(
        f"{type(model).__name__} cannot be made elastic by its structure: {reason}{_hint(model)}"
    )


def _hint(model: nn.Module) -> str:
    from instatune_plugins.adapters import instatune_adapters

    model_type = getattr(getattr(model, "config", None), "model_type", None)
    names = [repr(e.name) for e in instatune_adapters() if model_type in e.model_types]
    return f"; use adapter {' or '.join(names)}, which knows {model_type!r}" if names else ""


def _stack(model: nn.Module) -> tuple[str, list[nn.Module]]:
    lists = [
        (path, list(module.children()))
        for path, module in model.named_modules()
        if isinstance(module, (nn.ModuleList, nn.Sequential))
        and len({type(child) for child in module.children()}) == 1
    ]
    found = [(path, layers) for path, layers in lists if all(map(has_attention, layers))]
    outer = [
        (path, layers)
        for path, layers in found
        if not any(path.startswith(f"{other}.") for other, _ in found)
    ]
    if not outer:
        seen = ", ".join(f"{p!r} ({len(c)} x {type(c[0]).__name__})" for p, c in lists)
        raise Unrecognised(
            "no list of like layers with attention was found; expected Linear modules named "
            f"query, key, value (or q_proj, qkv, ...) in each; lists that are there: {seen or '-'}"
        )
    if len(outer) > 1:
        names = ", ".join(repr(path) for path, _ in outer)
        raise Unrecognised(f"layers with attention stand in several lists: {names}; expected one")
    return outer[0]


def _check_unshared(path: str, layers: list[nn.Module]) -> None:
    owners: dict[int, int] = {}
    for index, layer in enumerate(layers):
        for name, parameter in layer.named_parameters():
            if owners.setdefault(id(parameter), index) != index:
                raise Unrecognised(
                    f"parameter '{path}.{index}.{name}' also belongs to layer "
                    f"{owners[id(parameter)]}: layers are shared, so none can be cut alone"
                )


def _check_alike(path: str, layers: tuple[Layer, ...]) -> None:
    first = attrs.evolve(layers[0], heads=1, head_size=1, neurons=1)
    for index, layer in enumerate(layers):
        if attrs.evolve(layer, heads=1, head_size=1, neurons=1) != first:
            raise Unrecognised(f"module '{path}.{index}' is built differently from '{path}.0'")

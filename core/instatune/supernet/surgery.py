"""Surgery: put smaller parts into a module for a while, and put the old ones back.

Everything that makes a network smaller is a *swap*: another value under a key of a dictionary that
a module keeps (its parameters, buffers, children, plain attributes). The module and its forward
code stay what they are. The same swaps give the three forms of a sub-network: the slice of the
super-network, the extracted module, the module that is loaded from a file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import attrs
import torch
from torch import Tensor, nn

from instatune.space import Anatomy, Cut, Stack
from instatune.supernet import cutting
from instatune.supernet.cutting import Share

Place: TypeAlias = "tuple[dict[str, Any], str]"
"""A dictionary of a module and a key in it."""

Units: TypeAlias = Mapping[str, int]
"""Kept units by group."""

Layers: TypeAlias = Mapping[str, "tuple[int, ...]"]
"""Kept layers by stack, in their original order."""


@attrs.frozen
class Swap:
    """A place, what belongs there and what stands there for a while."""

    home: dict[str, Any]
    key: str
    old: Any
    new: Any


@attrs.frozen
class _Site:
    """A tensor with all modules that hold it (several if it is tied) and its cuts by group."""

    holders: tuple[tuple[nn.Module, str], ...]
    cuts: tuple[tuple[str, Cut], ...]


class Surgeon:
    """Knows where the parts of an anatomy are in one model, and swaps them.

    Not thread-safe: a model has one state at a time. Parameters may be trained, loaded or replaced
    while nothing is swapped; the modules must stay the same objects.
    """

    def __init__(self, model: nn.Module, anatomy: Anatomy) -> None:
        """Look up all owners once; the anatomy must fit (:func:`instatune.supernet.fit.verify`)."""
        self.model = model
        self._units = {group.name: group.units for group in anatomy.groups}
        holders = _holders(model)
        self._cut = _sites(holders, ((g.name, cut) for g in anatomy.groups for cut in g.cuts))
        self._outgoing = _sites(
            holders, ((g.name, cut) for g in anatomy.groups for cut in g.readers)
        )
        self._numbers = tuple(
            (group.name, attribute, attribute_place(model, attribute.path))
            for group in anatomy.groups
            for attribute in group.attributes
        )
        self._stacks = tuple(_StackSite(model, stack) for stack in anatomy.stacks)
        self._applied: list[list[Swap]] = []

    @contextmanager
    def sliced(self, units: Units, layers: Layers) -> Iterator[nn.Module]:
        """Hold the model in the form that physically leaves out units and layers."""
        with self._held(lambda: [*self._slices(units), *self._depths(layers)]):
            yield self.model

    @contextmanager
    def masked(self, units: Units, layers: Layers) -> Iterator[nn.Module]:
        """Hold the model in the form that has all units but reads nothing of those left out."""
        with self._held(lambda: [*self._masks(units), *self._depths(layers)]):
            yield self.model

    @contextmanager
    def _held(self, swaps: Callable[[], list[Swap]]) -> Iterator[None]:
        """Apply swaps made on the full model; restore what was applied before, whatever happens."""
        if self._applied:
            _write(self._applied[-1], "old")
        mine: list[Swap] = []
        self._applied.append(mine)
        try:
            mine.extend(swaps())
            _write(mine, "new")
            yield
        finally:
            # Generators can close out of order: what stands in the model is the top of the stack,
            # what ends here is ours.
            _write(self._applied[-1], "old")
            self._applied = [other for other in self._applied if other is not mine]
            if self._applied:
                _write(self._applied[-1], "new")

    def _slices(self, units: Units) -> Iterator[Swap]:
        for site in self._cut:
            yield from _replaced(site, self._shares(site, units), cutting.sliced, resize=True)
        for group, attribute, (home, key) in self._numbers:
            if units[group] != self._units[group]:
                number = units[group] * attribute.unit
                yield Swap(home, key, home[key], (number,) if attribute.as_tuple else number)

    def _masks(self, units: Units) -> Iterator[Swap]:
        for site in self._outgoing:
            yield from _replaced(site, self._shares(site, units), cutting.masked, resize=False)

    def _depths(self, layers: Layers) -> Iterator[Swap]:
        for stack in self._stacks:
            yield from stack.swaps(layers[stack.name])

    def _shares(self, site: _Site, units: Units) -> list[Share]:
        return [
            Share(cut, self._units[group], units[group])
            for group, cut in site.cuts
            if units[group] != self._units[group]
        ]


class _StackSite:
    """A run of layers in one model."""

    def __init__(self, model: nn.Module, stack: Stack) -> None:
        self.name = stack.name
        self.container = model.get_submodule(stack.path)
        self.indices = tuple(
            tuple(attribute_place(layer, path) for path in stack.index_attributes)
            for layer in self.container.children()
        )
        self.counts = tuple(attribute_place(model, path) for path in stack.count_attributes)

    def swaps(self, kept: tuple[int, ...]) -> Iterator[Swap]:
        """Leave the other layers out, and number those that stay from 0."""
        children = self.container._modules
        if len(kept) == len(children):
            return
        layers = list(children.values())
        small = {str(place): layers[layer] for place, layer in enumerate(kept)}
        # The container stays the same object: its type, hooks and train flag need no care.
        yield Swap(vars(self.container), "_modules", children, small)
        for place, layer in enumerate(kept):
            for home, key in self.indices[layer]:
                yield Swap(home, key, home[key], place)
        for home, key in self.counts:
            yield Swap(home, key, home[key], len(kept))


def detached_copy(model: nn.Module) -> nn.Module:
    """Copy a model in the form that it is held in, each tensor with storage of its own.

    Gradients are not copied.
    """
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(_own(parameter), parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = _own(buffer)
    return copy.deepcopy(model, memo)


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name; a tied one stands under each of its names."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def attribute_place(root: Any, path: str) -> Place:
    """Find the dictionary that holds a dotted attribute.

    Raises:
        AttributeError: There is no such instance attribute.
    """
    *owners, name = path.split(".")
    for owner in owners:
        root = getattr(root, owner)
    if name not in vars(root):
        raise AttributeError(f"{type(root).__name__} has no plain attribute {name!r}")
    return vars(root), name


def _own(tensor: Tensor) -> Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format)


def _write(swaps: Iterable[Swap], side: str) -> None:
    for swap in swaps:
        swap.home[swap.key] = getattr(swap, side)


def _holders(model: nn.Module) -> dict[str, tuple[tuple[nn.Module, str], ...]]:
    """All holders of each tensor by each of its names; those of a tied tensor are shared."""
    by_tensor: dict[int, list[tuple[nn.Module, str]]] = {}
    names: dict[str, int] = {}
    for path, module in model.named_modules():
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                names[f"{path}.{name}" if path else name] = id(tensor)
                by_tensor.setdefault(id(tensor), []).append((module, name))
    return {name: tuple(by_tensor[tensor]) for name, tensor in names.items()}


def _sites(
    holders: Mapping[str, tuple[tuple[nn.Module, str], ...]], cuts: Iterable[tuple[str, Cut]]
) -> tuple[_Site, ...]:
    """Gather the cuts of each tensor; two names of one tied tensor give one site."""
    found: dict[tuple[tuple[int, str], ...], _Site] = {}
    for group, cut in cuts:
        places = holders[cut.tensor]
        key = tuple((id(module), name) for module, name in places)
        site = found.get(key, _Site(places, ()))
        if not any(other.axis == cut.axis for _, other in site.cuts):
            site = attrs.evolve(site, cuts=(*site.cuts, (group, cut)))
        found[key] = site
    return tuple(found.values())


def _replaced(
    site: _Site,
    shares: list[Share],
    form: Callable[[Tensor, list[Share]], Tensor],
    *,
    resize: bool,
) -> Iterator[Swap]:
    """Swap one tensor in all its holders, and with ``resize`` the sizes that these remember."""
    if not shares:
        return
    first, first_name = site.holders[0]
    old = _home(first, first_name)[first_name]
    new = form(old, shares)
    for module, name in site.holders:
        yield Swap(_home(module, name), name, old, new)
        if resize and name == "weight":
            for key, value in _sizes(module, tuple(new.shape)).items():
                if key in vars(module):
                    yield Swap(vars(module), key, vars(module)[key], value)


def _home(module: nn.Module, name: str) -> dict[str, Any]:
    return module._parameters if name in module._parameters else module._buffers


def _sizes(module: nn.Module, shape: tuple[int, ...]) -> dict[str, Any]:
    """Sizes that modules remember of their weight; LayerNorm computes with its own."""
    if isinstance(module, nn.Linear):
        return {"out_features": shape[0], "in_features": shape[1]}
    if "normalized_shape" in vars(module):  # LayerNorm, RMSNorm, and those that timm brings
        return {"normalized_shape": shape}
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return {"num_features": shape[0]}
    if isinstance(module, nn.Embedding):
        return {"num_embeddings": shape[0], "embedding_dim": shape[1]}
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        # Grouped convolutions also change ``groups``: their anatomy lists all numbers itself.
        return {"out_channels": shape[0], "in_channels": shape[1]} if module.groups == 1 else {}
    return {}

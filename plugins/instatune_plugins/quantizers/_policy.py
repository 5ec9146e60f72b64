"""From a policy to the modules of one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import attrs
from torch import nn

from instatune.errors import PluginError
from instatune.interfaces import Policy, Ranges
from instatune_plugins.quantizers._kinds import kind_of, raw_weight

OFFERED = (4, 8, 16)


@attrs.frozen(eq=False)
class Place:
    """A module that is to be quantized.

    Attributes:
        module: The module, which can be.
        bits: To how many.
        table: Whether a look-up table holds its weight: it does itself, or one that is tied to it.
        span: Smallest and largest input; None if not known.
    """

    module: nn.Module
    bits: int
    table: bool
    span: tuple[float, float] | None


def places(model: nn.Module, policy: Policy, ranges: Ranges | None) -> Iterator[Place]:
    """Modules to quantize: those that the policy names, and those tied to them.

    A weight that several modules hold, such as a language model's table of words that is its head
    too, has one precision: modules that are not named follow the one that is.

    Args:
        model: In the form that the policy is for.
        policy: Bits by name.
        ranges: Inputs by name; a module that is missing there stays out. None: nothing is known,
            nothing stays out.

    Raises:
        PluginError: A name or a bit width is not there.
    """
    modules = checked(model, policy)
    named = {id(modules[name]): name for name in policy if can(modules[name])}
    bits = {id(raw_weight(modules[name])): policy[name] for name in named.values()}
    tables = {id(raw_weight(m)) for m in modules.values() if kind_of(m) == "embedding"}
    done: set[int] = set()
    for name, module in modules.items():
        known = ranges is None or name in ranges
        if id(module) in done or not known or not can(module):
            continue
        own = named.get(id(module))
        width = policy[own] if own is not None else bits.get(id(raw_weight(module)))
        if width is not None:
            done.add(id(module))
            table = id(raw_weight(module)) in tables
            yield Place(module, width, table, None if ranges is None else ranges[name])


def checked(model: nn.Module, policy: Policy) -> Mapping[str, nn.Module]:
    """All modules of a model by each of their names, if the policy fits them.

    Raises:
        PluginError: A name or a bit width is not there.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    for name, bits in policy.items():
        if name not in modules:
            raise PluginError(
                f"quantizer int8: the model has no module {name!r}{_near(name, modules)}"
            )
        if bits not in OFFERED:
            raise PluginError(
                f"quantizer int8: {bits} bits for module {name!r} are not offered; use "
                f"{', '.join(map(str, OFFERED[:-1]))} or {OFFERED[-1]}"
            )
    return modules


def can(module: nn.Module) -> bool:
    """Whether a module is of a class that can be quantized, and has a weight at all."""
    return kind_of(module) is not None and raw_weight(module).numel() > 0


def _near(name: str, known: Mapping[str, nn.Module]) -> str:
    close = get_close_matches(name, [other for other in known if can(known[other])], n=3)
    return f"; near names: {', '.join(map(repr, close))}" if close else ""

"""Structuring without coercion: plain data into attrs classes, all mistakes at once.

cattrs dispatches on types; by default it turns ``3`` into ``"3"``, ``3.7`` into ``3`` and ``True``
into ``1``. The hooks here take a value as it is or refuse it, and collect every refusal with its
place instead of stopping at the first.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs

from instatune.spec.classes import structure_class
from instatune.spec.faults import Fault, Refused, refuse
from instatune.spec.leaves import Hook, register_leaves


def strict_converter() -> cattrs.Converter:
    """A converter that never coerces. Later hooks win, so callers may add special classes."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    register_leaves(converter)
    makers: tuple[tuple[Callable[[Any], bool], Callable[[Any, cattrs.Converter], Hook]], ...] = (
        (attrs.has, _class_hook),
        (lambda type_: get_origin(type_) in (Union, types.UnionType), _union_hook),
        (lambda type_: get_origin(type_) is tuple, _tuple_hook),
        (lambda type_: get_origin(type_) is list, _list_hook),
        (lambda type_: get_origin(type_) in (dict, Mapping), _dict_hook),
    )
    for applies, maker in makers:
        converter.register_structure_hook_factory(applies)(_bound(maker, converter))
    return converter


def _bound(
    maker: Callable[[Any, cattrs.Converter], Hook], converter: cattrs.Converter
) -> Callable[[Any], Hook]:
    return lambda type_: maker(type_, converter)


def _class_hook(class_: Any, converter: cattrs.Converter) -> Hook:
    attrs.resolve_types(class_)

    def field_value(value: Any, field: attrs.Attribute[Any]) -> Any:
        return converter.structure(value, field.type)  # type: ignore[arg-type]

    return lambda value, _: structure_class(class_, value, field_value)


def _union_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    members = get_args(type_)
    solid = tuple(member for member in members if member is not type(None))

    def hook(value: Any, _: Any) -> Any:
        if value is None and len(solid) < len(members):
            return None
        if len(solid) == 1:
            return converter.structure(value, solid[0])
        refusals = []
        # An exact type goes before one that merely accepts, so that 1 stays an int in int | float.
        for member in sorted(solid, key=lambda m: m is not type(value)):
            try:
                return converter.structure(value, member)
            except Refused as refused:
                refusals.append(refused)
        raise min(refusals, key=lambda refused: -max(len(f.path) for f in refused.faults))

    return hook


def _items(value: Any, type_of: Callable[[int], Any], converter: cattrs.Converter) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise refuse("list", value)
    found, faults = [], []
    for index, item in enumerate(value):
        try:
            found.append(converter.structure(item, type_of(index)))
        except Refused as refused:
            faults += [fault.below(index) for fault in refused.faults]
    if faults:
        raise Refused(*faults)
    return found


def _list_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    inner = get_args(type_)[0]
    return lambda value, _: _items(value, lambda index: inner, converter)


def _tuple_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    inner = get_args(type_)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return lambda value, _: tuple(_items(value, lambda index: inner[0], converter))

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, (list, tuple)) and len(value) != len(inner):
            raise Refused(Fault((), f"expected a list of {len(inner)}, got {len(value)} items"))
        return tuple(_items(value, lambda index: inner[index], converter))

    return hook


def _dict_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    inner = get_args(type_)[1]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise refuse("mapping", value)
        found, faults = {}, []
        for key, item in value.items():
            try:
                found[key] = converter.structure(item, inner)
            except Refused as refused:
                faults += [fault.below(key) for fault in refused.faults]
        if faults:
            raise Refused(*faults)
        return found

    return hook

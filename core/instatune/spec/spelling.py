"""From a spec back to YAML: everything written out, so that the text says all there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import yaml

from instatune.spec.model import Component, Spec
from instatune.spec.scalars import StrictDumper


def plain(value: Any) -> Any:
    """Attrs objects and tuples as dicts and lists, components in their short form if they can."""
    if isinstance(value, Component):
        settings = plain(value.settings)
        return {"name": value.name, **settings} if settings else value.name
    if attrs.has(type(value)):
        return {
            field.name: plain(getattr(value, field.name))
            for field in attrs.fields(type(value))
            if field.init
        }
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def as_data(spec: Spec) -> dict[str, Any]:
    """The spec as a mapping that reads back to it."""
    data: dict[str, Any] = plain(spec)
    data["space"] = {item.name: plain(item.settings) for item in spec.space}
    return data


def as_yaml(spec: Spec) -> str:
    """The spec as YAML that reads back to it."""
    return dump(as_data(spec))


def dump(data: Mapping[str, Any]) -> str:
    """Plain data as YAML, by the rules that it is read back by."""
    text: str = yaml.dump(
        dict(data),
        Dumper=StrictDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return text

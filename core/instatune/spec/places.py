"""Where components stand in a spec, and how they are written there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from instatune.plugin.entries import Kind
from instatune.spec.document import Document, Path
from instatune.spec.faults import Refused
from instatune.spec.model import Component, Spec
from instatune.spec.structure import component

SINGLE: tuple[tuple[Kind, Path], ...] = (
    ("adapters", ("model", "adapter")),
    ("tasks", ("task",)),
    ("orderings", ("order", "by")),
    ("samplers", ("tune", "sampler")),
    ("schedules", ("tune", "loss")),
    ("quantizers", ("quantizer",)),
    ("strategies", ("search", "strategy")),
    ("predictors", ("search", "predictor")),
    ("executors", ("executor",)),
)
"""Places of one component."""

LISTED: tuple[tuple[Kind, str], ...] = (
    ("objectives", "objectives"),
    ("exporters", "exporters"),
    ("reporters", "reporters"),
)
"""Sections that are lists of components."""


@attrs.frozen(kw_only=True)
class Place:
    """A component at its place.

    Attributes:
        kind: Kind of component.
        path: Where it stands.
        component: Name and settings as written, or the default.
        short: The key of the settings that a short form stands for; empty for the long form.
    """

    kind: Kind
    path: Path
    component: Component
    short: str = ""

    @property
    def name_path(self) -> Path:
        """Where the name stands."""
        long = self.kind != "dimensions" and self.component.settings
        return (*self.path, "name") if long else self.path

    def inside(self, path: Path) -> Path:
        """From a path in the settings to a path in the document."""
        if self.short and path[:1] == (self.short,):
            path = path[1:]
        return (*self.path, *path)


def places(document: Document) -> Iterator[Place]:
    """All components of a document; those that cannot be read are left out.

    This works on what was written rather than on a structured spec, so that names are checked even
    if there are mistakes elsewhere.
    """
    for kind, path in SINGLE:
        default = default_at(path)
        found = _read(document.at(path)) if _written(document, path) else default
        if isinstance(found, Component):
            yield Place(kind=kind, path=path, component=found)
    for kind, section in LISTED:
        for index, found in enumerate(_list(document, section)):
            if found is not None:
                yield Place(kind=kind, path=(section, index), component=found)
    yield from _dimensions(document)


def default_at(path: Path) -> Any:
    """Default value of a place; None if there is none or the place is not of the spec's own."""
    type_: Any = Spec
    value: Any = None
    for step in path:
        if not attrs.has(type_):
            return None
        attrs.resolve_types(type_)
        field = attrs.fields_dict(type_).get(str(step))
        if field is None:
            return None
        value, type_ = field.default, field.type
        if isinstance(value, attrs.Factory):  # type: ignore[arg-type]
            value = value.factory()
    return None if value is attrs.NOTHING else value


def _written(document: Document, path: Path) -> bool:
    """Whether the document says anything here, sense or nonsense."""
    return any(
        document.at(path[:length]) is not None
        and (length == len(path) or not isinstance(document.at(path[:length]), dict))
        for length in range(1, len(path) + 1)
    )


def _read(value: Any) -> Component | None:
    try:
        return component(value)
    except Refused:  # told by whoever structures the whole
        return None


def _list(document: Document, section: str) -> list[Component | None]:
    if section not in document.data:
        return list(default_at((section,)))
    written = document.data[section]
    return [_read(item) for item in written] if isinstance(written, list) else []


def _dimensions(document: Document) -> Iterator[Place]:
    space = document.data.get("space")
    for name, value in space.items() if isinstance(space, dict) else ():
        short = isinstance(value, list)
        if short or isinstance(value, dict):
            settings = {"choices": value} if short else dict(value)
            yield Place(
                kind="dimensions",
                path=("space", name),
                component=Component(name=name, settings=settings),
                short="choices" if short else "",
            )

"""Architecture: one network of a search space, frozen and canonical."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs


def _sorted_items(
    values: Mapping[str, int] | tuple[tuple[str, int], ...],
) -> tuple[tuple[str, int], ...]:
    items = values.items() if isinstance(values, Mapping) else values
    return tuple(sorted((str(name), int(value)) for name, value in items))


@attrs.frozen(slots=False)
class Architecture:
    """Values of the active genes, sorted by name. Equal networks are equal objects.

    Genes of dropped layers are absent, so two spellings of one network have one key. Make them with
    :meth:`SearchSpace.architecture`, which checks and canonicalises.

    Example:
        >>> Architecture({"depth": 2, "ffn.0": 64}) == Architecture((("ffn.0", 64), ("depth", 2)))
        True
    """

    values: tuple[tuple[str, int], ...] = attrs.field(converter=_sorted_items)

    def __getitem__(self, name: str) -> int:
        return self._lookup[name]

    def __contains__(self, name: object) -> bool:
        return name in self._lookup

    def __iter__(self) -> Iterator[str]:
        return iter(self._lookup)

    def get(self, name: str, default: int | None = None) -> int | None:
        """Value of a gene, or ``default`` where it is inactive."""
        return self._lookup.get(name, default)

    def as_dict(self) -> dict[str, int]:
        """Plain mapping, e.g. for JSON."""
        return dict(self.values)

    @cached_property
    def _lookup(self) -> dict[str, int]:
        return dict(self.values)

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits that stand for this network in files and databases."""
        text = json.dumps(self.values, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

"""Rows of the result: chosen networks and baselines, as ``front.json`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instatune.engine.folder import RunFolder
from instatune.files import read_json
from instatune.interfaces import Measurement, Row
from instatune.space import Architecture

_FRONT = ("evaluated", "random", "front", "chosen", "references")

_NAMES = {
    "largest": "largest sub-network",
    "smallest": "smallest sub-network",
    "quantized": "fully quantized",
    "uniform": "uniform shrink",
    "first_layers": "fewer layers",
    "random": "random search",
    "alike": "all bits alike",
}


def read_front(folder: RunFolder) -> dict[str, Any]:
    """What the search stage wrote."""
    return dict(read_json(folder.path / "front.json", _FRONT))


def read_verified(folder: RunFolder) -> dict[str, Any]:
    """What the verify stage wrote."""
    return dict(read_json(folder.path / "verified.json", ("exactness", "test", "plain")))


def chosen_rows(front: Mapping[str, Any]) -> list[Row]:
    """Networks of the front that are verified and exported, the largest first."""
    return [
        _row(item, f"sub-network {number}", "front")
        for number, item in enumerate(front["chosen"], start=1)
    ]


def reference_rows(front: Mapping[str, Any]) -> list[Row]:
    """Baselines that are sub-networks."""
    rows = []
    for role, items in front["references"].items():
        for number, item in enumerate(items, start=1):
            name = _NAMES.get(role, role)
            rows.append(_row(item, f"{name} {number}" if len(items) > 1 else name, role))
    return rows


def architecture_of(row: Row) -> Architecture:
    """The architecture of a row that has one."""
    return Architecture(dict(row.architecture))


def _row(item: Mapping[str, Any], name: str, role: str) -> Row:
    genes = dict(item["genes"])
    return Row(
        name=name,
        role=role,
        architecture=genes,
        key=Architecture(genes).key,
        search={key: Measurement(*value) for key, value in item["values"].items()},
    )

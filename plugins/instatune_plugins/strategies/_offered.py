"""Another strategy by its name, for strategies that lead others. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from instatune.plugin.entries import Entry, StrategyEntry
from instatune.plugin.registry import NameProblem, Registry


def installed() -> Registry[Entry]:
    """All strategies that are installed; single plugin files of a spec are not among them."""
    from instatune.plugin.manager import discover

    return discover()["strategies"]


def offered(
    known: Registry[Entry], where: str, name: str, settings: Mapping[str, Any]
) -> tuple[StrategyEntry, Any]:
    """Look a strategy up and read its settings.

    Args:
        known: From :func:`installed`.
        where: The setting that names it, for messages.
        name: As in a spec.
        settings: As written beside it.

    Returns:
        Its entry, and an instance of the entry's ``config`` class; None where it has none.

    Raises:
        ValueError: It is not there, leads others itself, or does not have these settings.
    """
    from instatune.spec.faults import Refused
    from instatune.spec.parts import structure_config
    from instatune.spec.structure import spec_converter

    try:
        offer = known.find(name)
    except NameProblem as problem:
        hint = f" ({problem.hints[0]})" if problem.hints else ""
        raise ValueError(f"{where}: {problem.message}{hint}") from problem
    entry = cast("StrategyEntry", offer.entry)
    if _leads(entry):
        raise ValueError(f"{where}: {name!r} leads another strategy itself; name one that does not")
    if entry.config is None:
        if settings:
            raise ValueError(f"settings: {name!r} has none; leave {sorted(settings)} out")
        return entry, None
    try:
        return entry, structure_config(spec_converter(), dict(settings), entry.config, offer)
    except Refused as refused:
        faults = "; ".join(
            f"{'.'.join(('settings', *map(str, fault.path)))}: {fault.message}"
            for fault in refused.faults
        )
        raise ValueError(f"{faults} (strategy {name!r})") from refused


def _leads(entry: StrategyEntry) -> bool:
    return entry.config is not None and "scout" in attrs.fields_dict(entry.config)

"""What a component needs besides instatune, decided by metadata before anything is imported."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement

from instatune.plugin.entries import Entry


def missing_requirements(entry: Entry) -> tuple[str, ...]:
    """Requirements of an entry that are not installed in a fitting version.

    Example:
        >>> from instatune.plugin.entries import ReporterEntry
        >>> missing_requirements(ReporterEntry(
        ...     name="chat", target="chat:Chat", summary="", requires=("attrs>=26", "no-such-thing")
        ... ))
        ('no-such-thing',)
    """
    return tuple(text for text in entry.requires if not _met(Requirement(text)))


def install_command(requirements: Iterable[str]) -> str:
    """The command that installs requirements, quoted for a shell."""
    return shlex.join(["pip", "install", *requirements])


def _met(requirement: Requirement, extra: str = "") -> bool:
    if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
        return True
    try:
        distribution = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(distribution.version, prereleases=True):
        return False
    return all(_extra_met(distribution, wanted) for wanted in requirement.extras)


def _extra_met(distribution: metadata.Distribution, extra: str) -> bool:
    """Whether everything that an extra adds is there; base requirements are pip's business."""
    added = (Requirement(text) for text in distribution.requires or () if "extra" in text)
    return all(_met(requirement, extra) for requirement in added)

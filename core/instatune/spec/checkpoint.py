"""Where a checkpoint lies: in a package (``package:NAME/folder``), a folder, a file, or a hub.

Packages are found by their metadata and never imported: the one of the demo would import torch.
"""

from __future__ import annotations

import re
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from instatune.errors import CheckpointError

SCHEME = "package:"
WEIGHTS = ".safetensors"
"""Suffix of a file that is a checkpoint by itself; whether that is enough is the adapter's say."""

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


def locate(checkpoint: str) -> str:
    """Find a checkpoint.

    Args:
        checkpoint: As the spec says it.

    Returns:
        Absolute path of a folder or a file of weights, or the name on a hub, unchanged: hubs are
        not asked.

    Raises:
        CheckpointError: Not there; says what to install or to correct.
    """
    if checkpoint.startswith(SCHEME):
        return str(_in_package(checkpoint.removeprefix(SCHEME)))
    folder = Path(checkpoint).expanduser()
    if folder.is_dir() and checkpoint:  # an empty path would mean the working directory
        return str(folder.absolute())
    if folder.is_file() and folder.suffix == WEIGHTS:
        return str(folder.absolute())
    if folder.is_file():
        raise CheckpointError(f"{checkpoint!r} is a file; give the folder that it lies in")
    if _HUB_NAME.fullmatch(checkpoint):
        return checkpoint
    kind = "file" if folder.suffix == WEIGHTS else "folder"
    raise CheckpointError(
        f"there is no {kind} {checkpoint!r} (looked for {folder.absolute()}); correct the path "
        "with `--set model.checkpoint=PATH`, or give the name of a model on a hub"
    )


def is_local(located: str) -> bool:
    """Whether a located checkpoint is a folder or file of this machine."""
    return Path(located).is_absolute()


def _in_package(text: str) -> Path:
    package, _, folder = text.partition("/")
    if not package.isidentifier() or ".." in folder.split("/") or folder.startswith("/"):
        raise CheckpointError(
            f"'{SCHEME}{text}' is no place in a package; write {SCHEME}NAME/folder"
        )
    roots = _roots(package)
    if not roots:
        raise CheckpointError(
            f"the Python package {package!r} is not installed; {_how_to_install(package)}"
        )
    for root in roots:
        if (root / folder).is_dir():
            return (root / folder).absolute()
    known = sorted(entry.name for entry in roots[0].iterdir() if _is_asset(entry))
    there = f"; it has {', '.join(known)}" if known else ""
    raise CheckpointError(f"the Python package {package!r} has no folder {folder!r}{there}")


def _is_asset(entry: Path) -> bool:
    return entry.is_dir() and entry.name != "__pycache__"


def _roots(package: str) -> list[Path]:
    """Folders of an installed package, without importing it; none if it is not installed."""
    try:
        found = util.find_spec(package)
    except (ImportError, ValueError):
        return []
    places = found.submodule_search_locations if found else None
    return [Path(place) for place in places or ()]


def _how_to_install(package: str) -> str:
    """The command, by an extra of instatune where one of them brings the package."""
    wanted = canonicalize_name(package)
    for text in _requirements():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", str(requirement.marker or ""))
        if canonicalize_name(requirement.name) == wanted and extra:
            return f"pip install {wanted}, or pip install 'instatune[{extra[1]}]'"
    return f"install the distribution that brings it, probably pip install {wanted}"


def _requirements() -> list[str]:
    try:
        return metadata.requires("instatune") or []
    except metadata.PackageNotFoundError:
        return []

"""Sources: the plugin modules that there are, found without importing any of them.

Installed distributions announce modules as entry points of the group ``instatune.v1``. The number
is the major version of the hooks: a plugin written for other hooks is recognised by its metadata
and never imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module, metadata, util
from os import PathLike
from pathlib import Path
from types import ModuleType

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from instatune import __version__
from instatune.errors import PluginError

MAJOR = 1
GROUP = f"instatune.v{MAJOR}"
_UNKNOWN = "unknown"
_DAMAGED = "the metadata of its distribution is damaged; install it again"
_GROUPS = re.compile(r"instatune\.v(\d+)")


@attrs.frozen(kw_only=True)
class Source:
    """A plugin module that is not imported yet.

    Attributes:
        distribution: Distribution that it belongs to; the file's name for a single file.
        version: Version of the distribution, empty for a single file.
        entry_point: Name of the entry point, or the path of the file.
        module: Name of the module.
        load: Imports it.
        fault: Why it must not be imported; empty if it may be.
    """

    distribution: str
    version: str
    entry_point: str
    module: str
    load: Callable[[], ModuleType]
    fault: str = ""

    def answers_to(self, word: str) -> bool:
        """Whether a word names this distribution, this module or a package around it."""
        return (
            canonicalize_name(word) == canonicalize_name(self.distribution)
            or self.module == word
            or self.module.startswith(f"{word}.")
        )


def installed() -> tuple[Source, ...]:
    """Modules that installed distributions announce, by distribution and name."""
    points = [
        (match, point) for point in _entry_points() if (match := _GROUPS.fullmatch(point.group))
    ]
    speakers = {_name(point.dist) for match, point in points if int(match[1]) == MAJOR}
    found = [
        _installed(point, int(match[1]))
        for match, point in points
        # A distribution may announce itself to several versions of instatune.
        if int(match[1]) == MAJOR or _name(point.dist) not in speakers
    ]
    return tuple(sorted(found, key=lambda s: (canonicalize_name(s.distribution), s.entry_point)))


def single_file(path: str | PathLike[str]) -> Source:
    """A plugin that is one Python file; its distribution is the file's name."""
    file = Path(path)
    return Source(
        distribution=file.name,
        version="",
        entry_point=str(file),
        module=file.stem,
        load=partial(_import_file, file.resolve()),
    )


def choose(
    sources: Sequence[Source], disable: Iterable[str], only: Iterable[str] | None
) -> tuple[list[Source], list[Source]]:
    """Split sources into those that take part and those that are left out.

    Args:
        sources: All there are.
        disable: Distributions or modules to leave out; those that are not installed do not matter.
        only: Distributions or modules that alone take part; None for all.

    Raises:
        PluginError: ``only`` names something that is not there.
    """
    disabled, wanted = tuple(disable), None if only is None else tuple(only)
    for word in wanted or ():
        if not any(source.answers_to(word) for source in sources):
            known = ", ".join(dict.fromkeys(source.distribution for source in sources))
            raise PluginError(f"no plugin is called {word!r}; there are: {known}")
    taken: list[Source] = []
    left: list[Source] = []
    for source in sources:
        off = any(source.answers_to(word) for word in disabled)
        on = wanted is None or any(source.answers_to(word) for word in wanted)
        (taken if on and not off else left).append(source)
    return taken, left


def _entry_points() -> Iterator[metadata.EntryPoint]:
    try:
        points = metadata.entry_points()
        yield from (point for group in points.groups for point in points.select(group=group))
    except Exception:
        # Damaged metadata of any distribution ends the quick way: go one by one, leaving it out.
        for distribution in metadata.distributions():
            try:
                yield from distribution.entry_points
            except Exception:  # noqa: S112 - not ours to mend, and pip tells of it
                continue


def _installed(point: metadata.EntryPoint, major: int) -> Source:
    name, version, fault = _name(point.dist), "", _DAMAGED
    if name != _UNKNOWN and point.dist:
        version = str(point.dist.version)
        fault = _other_hooks(major) or _other_core(point.dist) or _no_module(point)
    return Source(
        distribution=name,
        version=version,
        entry_point=point.name,
        module=point.module,
        load=partial(import_module, point.module),
        fault=fault,
    )


def _name(distribution: metadata.Distribution | None) -> str:
    """Name of a distribution; what becomes of damaged metadata depends on Python's version."""
    try:
        return str(distribution.metadata["Name"] or _UNKNOWN) if distribution else _UNKNOWN
    except Exception:
        return _UNKNOWN


def _other_hooks(major: int) -> str:
    if major == MAJOR:
        return ""
    age = "newer" if major > MAJOR else "older"
    return (
        f"needs {'a newer' if major > MAJOR else 'an older'} instatune: it is written for the "
        f"{age} hooks 'instatune.v{major}', instatune {__version__} has '{GROUP}'"
    )


def _other_core(distribution: metadata.Distribution) -> str:
    """Compare what the plugin requires with what runs: pip does not look again after upgrades."""
    for text in distribution.requires or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(needed.name) != "instatune":
            continue
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        if not needed.specifier.contains(__version__, prereleases=True):
            return (
                f"needs instatune{needed.specifier}, but instatune {__version__} is running; "
                "install versions that fit together"
            )
    return ""


def _no_module(point: metadata.EntryPoint) -> str:
    if not point.attr:
        return ""
    return f"entry point {point.name!r} names an object, {point.value!r}; name its module"


def _import_file(file: Path) -> ModuleType:
    name = file.stem
    if not file.is_file():
        raise PluginError(f"there is no file {str(file)!r}")
    if not name.isidentifier():
        raise PluginError(f"{file.name!r} cannot be a module; use letters, digits and underscores")
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    other = known or util.find_spec(name)
    if other is not None and getattr(other, "origin", None) != str(file):
        raise PluginError(f"another module is called {name!r}; give the file another name")
    return _execute(name, file)


def _execute(name: str, file: Path) -> ModuleType:
    spec = util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"{file.name!r} is no Python file; its name must end in .py")
    module = util.module_from_spec(spec)
    # Entries name their target as "module:Class", so the module must be found by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module

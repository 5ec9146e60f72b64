"""Discovery: find plugins, load each by itself, collect what they offer.

A plugin that fails never stops the others and never vanishes: it is noted with its reason, shown by
``instatune plugins``, and named when something cannot be found. pluggy says which functions are
hooks and checks them; each is then called alone, because a joint call ends at the first exception.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from os import PathLike
from types import ModuleType
from typing import Any

import attrs
import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from instatune.errors import PluginError
from instatune.plugin import hookspecs
from instatune.plugin.broken import BrokenPlugin
from instatune.plugin.entries import ENTRY_TYPES, KINDS, Entry, Kind
from instatune.plugin.registry import Offer, Registry
from instatune.plugin.sources import Source, choose, installed, single_file

PREFIX = "instatune_"


@attrs.frozen(kw_only=True)
class Plugins:
    """Everything that takes part.

    Attributes:
        registries: What is on offer, by kind.
        broken: What could not be loaded.
        left_out: Distributions that were left out on request.
    """

    registries: Mapping[Kind, Registry[Entry]]
    broken: tuple[BrokenPlugin, ...] = ()
    left_out: tuple[str, ...] = ()

    def __getitem__(self, kind: str) -> Registry[Entry]:
        for known, registry in self.registries.items():
            if known == kind:
                return registry
        raise PluginError(f"there is no kind {kind!r} of component; kinds: {', '.join(KINDS)}")

    def __iter__(self) -> Iterator[Registry[Entry]]:
        return iter(self.registries.values())


def discover(
    *,
    disable: Iterable[str] = (),
    only: Iterable[str] | None = None,
    files: Iterable[str | PathLike[str]] = (),
    strict: bool = False,
) -> Plugins:
    """Find and load plugins, first-party ones included.

    Args:
        disable: Distributions or modules to leave out.
        only: Distributions or modules that alone take part besides ``files``; None for all.
        files: Single Python files to load as plugins.
        strict: Raise at the first plugin that is broken, for plugin authors and CI.

    Returns:
        What they offer, and what could not be loaded.

    Raises:
        PluginError: ``only`` names nothing that is installed, or ``strict`` and a plugin is broken.
    """
    chosen, left_out = choose(installed(), disable, only)
    named, also_left_out = choose([single_file(file) for file in files], disable, None)
    loading = _Loading(strict)
    for source in (*chosen, *named):
        loading.load(source)
    out = dict.fromkeys(source.distribution for source in (*left_out, *also_left_out))
    return loading.plugins(tuple(out))


class _Loading:
    """One discovery in progress."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.pluggy = pluggy.PluginManager("instatune")
        self.pluggy.add_hookspecs(hookspecs)
        self.sources: dict[str, Source] = {}
        self.broken: list[BrokenPlugin] = []

    def load(self, source: Source) -> None:
        """Import a module and register its hooks."""
        fault = source.fault or self._loaded_before(source)
        if fault:
            self._note(source, fault)
            return
        try:
            self._register(source.load(), source)
        except (Exception, SystemExit) as error:
            self._forget(source)
            self._note(source, _reason(error), error=error)

    def plugins(self, left_out: tuple[str, ...]) -> Plugins:
        """Call all hooks and sort what they yield."""
        offers = {kind: self._offers(kind) for kind in KINDS}
        broken = tuple(self.broken)
        registries = {
            kind: Registry(
                kind=kind,
                entries=offers[kind],
                broken=tuple(b for b in broken if b.kind in (None, kind)),
                left_out=left_out,
            )
            for kind in KINDS
        }
        return Plugins(registries=registries, broken=broken, left_out=left_out)

    def _loaded_before(self, source: Source) -> str:
        known = self.sources.get(source.module)
        if known is None:
            return ""
        return (
            f"module {source.module!r} is already loaded for entry point {known.entry_point!r} "
            f"of {known.distribution}; remove one of the two"
        )

    def _register(self, module: ModuleType, source: Source) -> None:
        faults = tuple(self._faults(module))
        if faults:
            raise PluginError("; ".join(faults))
        self.pluggy.register(module, source.module)
        self.sources[source.module] = source
        self.pluggy.check_pending()

    def _forget(self, source: Source) -> None:
        if self.pluggy.has_plugin(source.module):
            self.pluggy.unregister(name=source.module)
        self.sources.pop(source.module, None)

    def _faults(self, module: ModuleType) -> Iterator[str]:
        """Mistakes that pluggy would pass over in silence, or report without a cure."""
        hooks = 0
        for name, value in vars(module).items():
            options = self.pluggy.parse_hookimpl_opts(module, name)
            if options is None:
                if name.startswith(PREFIX) and inspect.isroutine(value):
                    yield f"{name} is not marked as a hook; put @hookimpl above it"
                    hooks += 1
                continue
            hooks += 1
            hook = options.get("specname") or name
            if not options.get("optionalhook") and not hasattr(hookspecs, hook):
                yield f"there is no hook {hook!r}{_did_you_mean(hook)}"
            elif options.get("wrapper") or options.get("hookwrapper"):
                yield f"{name} is a hook wrapper; write a plain hook, which stands for itself"
        if not hooks:
            known = ", ".join(PREFIX + kind for kind in KINDS)
            yield f"has no hook; write at least one of: {known}"

    def _offers(self, kind: Kind) -> tuple[Offer[Entry], ...]:
        offers: dict[tuple[str, str], Offer[Entry]] = {}
        for implementation in getattr(self.pluggy.hook, PREFIX + kind).get_hookimpls():
            source = self.sources[implementation.plugin_name]
            for entry in self._entries(kind, implementation.function, source):
                offer = Offer(
                    entry=entry,
                    distribution=source.distribution,
                    version=source.version,
                    module=source.module,
                )
                key = entry.name, canonicalize_name(source.distribution)
                first = offers.setdefault(key, offer)
                if first is not offer:
                    self._note(source, _twice(kind, first, offer), kind=kind)
        return tuple(offers[key] for key in sorted(offers))

    def _entries(self, kind: Kind, function: Any, source: Source) -> list[Entry]:
        try:
            found = list(function())
        except (Exception, SystemExit) as error:
            reason = f"hook {PREFIX}{kind} failed: {_reason(error)}"
            self._note(source, reason, error=error, kind=kind)
            return []
        good = []
        for entry in found:
            fault = _entry_fault(kind, entry)
            if fault:
                self._note(source, fault, kind=kind)
            else:
                good.append(entry)
        return good

    def _note(
        self,
        source: Source,
        reason: str,
        *,
        error: BaseException | None = None,
        kind: Kind | None = None,
    ) -> None:
        broken = BrokenPlugin.of(source, reason, error=error, kind=kind)
        if self.strict:
            raise PluginError(f"plugin {broken.describe()}") from error
        self.broken.append(broken)


def _reason(error: BaseException) -> str:
    """What an exception says; instatune's own messages need no class name in front."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, pluggy.PluginValidationError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {error}"


def _did_you_mean(hook: str) -> str:
    known = [PREFIX + kind for kind in KINDS]
    near = get_close_matches(hook, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; hooks: {', '.join(known)}"


def _entry_fault(kind: Kind, entry: object) -> str:
    wanted = ENTRY_TYPES[kind]
    if not isinstance(entry, wanted):
        return (
            f"hook {PREFIX}{kind} gave {entry!r} ({type(entry).__name__}); "
            f"it must yield {wanted.__name__}"
        )
    for text in entry.requires:
        try:
            Requirement(text)
        except InvalidRequirement as error:
            return (
                f"{entry.name}: requirement {text!r} cannot be read: {str(error).splitlines()[0]}"
            )
    return ""


def _twice(kind: Kind, first: Offer[Entry], second: Offer[Entry]) -> str:
    return (
        f"offers {kind} {second.entry.name!r} twice, in {first.module} and in {second.module}; "
        f"the one of {first.module} is used, rename the other"
    )

"""Registry: the components of one kind by name, and the way from an entry to its class."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from typing import Any, Generic, TypeVar

import attrs
from packaging.utils import canonicalize_name

from instatune.errors import PluginError
from instatune.plugin.broken import BrokenPlugin
from instatune.plugin.entries import Entry, Kind, kind_of, noun
from instatune.plugin.requirements import install_command, missing_requirements

E = TypeVar("E", bound=Entry)


@attrs.frozen(kw_only=True)
class Offer(Generic[E]):
    """An entry and where it comes from.

    Attributes:
        entry: What the plugin says of the component.
        distribution: Distribution that offers it; the file's name for a single file.
        version: Version of that distribution, empty for a single file.
        module: Module with the hook.
    """

    entry: E
    distribution: str
    version: str
    module: str

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def full_name(self) -> str:
        """``name@distribution``, which is never ambiguous."""
        return f"{self.entry.name}@{self.distribution}"


class NameProblem(PluginError):
    """A name that leads to no component.

    Attributes:
        message: What is wrong, in one line.
        hints: What else there is to know, a line each.
    """

    def __init__(self, message: str, hints: Sequence[str] = ()) -> None:
        self.message = message
        self.hints = tuple(hints)
        super().__init__("\n    ".join((message, *hints)))


class UnknownNameError(NameProblem):
    """No component has this name.

    Attributes:
        suggestions: Names that are spelled nearly so, best first.
    """

    def __init__(
        self, message: str, hints: Sequence[str] = (), suggestions: Sequence[str] = ()
    ) -> None:
        self.suggestions = tuple(suggestions)
        super().__init__(message, hints)


class AmbiguousNameError(NameProblem):
    """Several distributions offer a component of this name."""


@attrs.frozen(kw_only=True, slots=False)
class Registry(Generic[E]):
    """The components of one kind. Read-only.

    Attributes:
        kind: The kind.
        entries: What is on offer, by name and distribution.
        broken: Plugins that may have offered more.
        left_out: Plugins that were not asked, for messages.
    """

    kind: Kind
    entries: tuple[Offer[E], ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()
    left_out: tuple[str, ...] = ()

    def offers(self) -> tuple[Offer[E], ...]:
        """Everything on offer, by name and distribution."""
        return self.entries

    def names(self) -> tuple[str, ...]:
        """Names that :meth:`find` takes: bare ones, or ``name@distribution`` where they clash."""
        return tuple(self.spelling(offer) for offer in self.entries)

    def spelling(self, offer: Offer[E]) -> str:
        """The shortest unambiguous name of an offer."""
        return offer.entry.name if self._counts[offer.entry.name] == 1 else offer.full_name

    def find(self, name: str) -> Offer[E]:
        """Look a component up.

        Args:
            name: ``name``, or ``name@distribution`` to choose among several.

        Raises:
            UnknownNameError: Nothing has this name; says what there is and what failed to load.
            AmbiguousNameError: A bare name that several distributions offer.
        """
        bare, _, distribution = name.partition("@")
        named = [offer for offer in self.entries if offer.entry.name == bare]
        found = [offer for offer in named if not distribution or _comes_from(offer, distribution)]
        if not found:
            raise self._elsewhere(bare, distribution, named) if named else self._unknown(name)
        if len(found) > 1:
            raise self._ambiguous(bare, found)
        return found[0]

    def suggestions(self, name: str) -> tuple[str, ...]:
        """Names that are spelled nearly as ``name``, best first."""
        guess = name.partition("@")[0].lower().replace("-", "_")
        bare = list(self._counts)
        return tuple(get_close_matches(guess, bare, n=3, cutoff=0.6))

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(offer.entry.name for offer in self.entries)

    def _unknown(self, name: str) -> UnknownNameError:
        near = self.suggestions(name)
        message = f"no {noun(self.kind)} is called {name!r}"
        if near:
            origins = {offer.entry.name: offer.origin for offer in self.entries}
            quoted = " or ".join(f"{word!r} ({origins[word]})" for word in near)
            message += f"; did you mean {quoted}?"
        return UnknownNameError(message, self._hints(), near)

    def _elsewhere(
        self, name: str, distribution: str, offers: Sequence[Offer[E]]
    ) -> UnknownNameError:
        origins = " and ".join(offer.origin for offer in offers)
        message = (
            f"no {noun(self.kind)} {name!r} comes from {distribution!r}; it comes from {origins}"
        )
        return UnknownNameError(message, self._hints(), [offer.full_name for offer in offers])

    def _ambiguous(self, name: str, offers: Sequence[Offer[E]]) -> AmbiguousNameError:
        origins = " and ".join(offer.origin for offer in offers)
        choices = " or ".join(repr(offer.full_name) for offer in offers)
        return AmbiguousNameError(
            f"the {noun(self.kind)} {name!r} is offered by {origins}; "
            f"write {choices}, or disable one of them"
        )

    def _hints(self) -> list[str]:
        lines = [f"available: {', '.join(self.names()) or 'none'}"]
        lines += [
            f"not loaded: {_one_line(broken)}, see `instatune plugins -v`" for broken in self.broken
        ]
        if self.left_out:
            lines.append(f"left out on request: {', '.join(self.left_out)}")
        return lines


def load_target(source: Offer[Any] | Entry, interface: type) -> type[Any]:
    """Import the class behind an entry.

    Args:
        source: The entry, or better the offer, which makes better messages.
        interface: The abstract class that it must implement.

    Returns:
        The class.

    Raises:
        PluginError: A requirement is missing, the import fails, or what is there is not a complete
            implementation; names kind, component and distribution.
    """
    entry = source.entry if isinstance(source, Offer) else source
    who = _who(source, entry)
    missing = missing_requirements(entry)
    if missing:
        raise PluginError(
            f"{who} needs {', '.join(missing)}, which is not installed; {install_command(missing)}"
        )
    target = _import(entry.target, who)
    if not (isinstance(target, type) and issubclass(target, interface)):
        raise PluginError(
            f"{who}: its target {entry.target!r} is no {interface.__name__}; "
            f"make it a subclass of {interface.__module__}.{interface.__qualname__}"
        )
    if inspect.isabstract(target):
        absent = ", ".join(sorted(getattr(target, "__abstractmethods__", ())))
        raise PluginError(f"{who}: its target {entry.target!r} does not implement {absent}")
    return target


def _import(target: str, who: str) -> Any:
    module, _, name = target.partition(":")
    try:
        found = import_module(module)
    except Exception as error:
        raise PluginError(
            f"{who} cannot be imported from {target!r}: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(found, name):
        raise PluginError(f"{who}: module {module!r} has no {name!r}; correct the entry's target")
    return getattr(found, name)


def _who(source: Offer[Any] | Entry, entry: Entry) -> str:
    if isinstance(source, Offer):
        origin = source.origin
    else:
        origin = f"module {entry.target.partition('.')[0].partition(':')[0]}"
    return f"{noun(kind_of(entry))} {entry.name!r} of {origin}"


def _comes_from(offer: Offer[Any], distribution: str) -> bool:
    return canonicalize_name(offer.distribution) == canonicalize_name(distribution)


def _one_line(broken: BrokenPlugin) -> str:
    return " ".join(broken.describe().split())

"""From names to parts: look a component up, structure its settings, see that it can be used."""

from __future__ import annotations

from typing import Any

import cattrs

from instatune.errors import PluginError, Problem
from instatune.plugin.entries import Kind, noun
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import NameProblem, Offer
from instatune.plugin.requirements import install_command, missing_requirements
from instatune.spec.classes import unknown_key
from instatune.spec.document import Document
from instatune.spec.faults import Fault, Refused
from instatune.spec.model import Component
from instatune.spec.places import Place
from instatune.spec.plan import Part
from instatune.spec.structure import spec_converter


class Resolver:
    """Resolves the components of one document and collects what is wrong with them."""

    def __init__(self, document: Document, plugins: Plugins) -> None:
        """Take what is asked for and what is on offer."""
        self.document = document
        self.plugins = plugins
        self.problems: list[Problem] = []
        self._converter = spec_converter()

    def part(self, place: Place) -> Part | None:
        """Resolve one component; None if that fails, with a problem noted."""
        try:
            offer = self.plugins[place.kind].find(place.component.name)
        except NameProblem as problem:
            self._note(place.name_path, problem.message, problem.hints)
            return None
        before = len(self.problems)
        missing = missing_requirements(offer.entry)
        if missing:
            message = f"{noun(place.kind)} {offer.entry.name!r} needs {', '.join(missing)}"
            self._note(place.name_path, f"{message}; {install_command(missing)}")
        config = self._config(place, offer)
        if len(self.problems) > before:
            return None
        return make_part(place.kind, offer, config)

    def limit(self, name: str) -> Part | None:
        """Resolve an objective that only a constraint names; it must be exact."""
        place = Place(kind="objectives", path=("constraints", name), component=Component(name=name))
        part = self.part(place)
        if part is not None and getattr(part.entry, "cost", "") != "exact":
            self._note(
                place.path,
                f"{name!r} has to be measured, so it cannot be a constraint alone; "
                "add it to objectives",
            )
            return None
        return part

    def _config(self, place: Place, offer: Offer[Any]) -> Any:
        settings, class_ = place.component.settings, offer.entry.config
        try:
            if class_ is None:
                faults = [_no_settings(key, place.kind, offer) for key in settings]
                if faults:
                    raise Refused(*faults)
                return None
            return structure_config(self._converter, settings, class_, offer)
        except Refused as refused:
            for fault in refused.faults:
                self._note(place.inside(fault.path), fault.message, fault.hints)
            return None

    def _note(self, path: Any, message: str, hints: tuple[str, ...] = ()) -> None:
        self.problems.append(self.document.problem(path, message, hints))


def make_part(kind: Kind, offer: Offer[Any], config: Any) -> Part:
    """A part of a plan from what a registry gave."""
    return Part(
        kind=kind,
        entry=offer.entry,
        config=config,
        distribution=offer.distribution,
        version=offer.version,
    )


def structure_config(
    converter: cattrs.Converter, settings: Any, class_: type, offer: Offer[Any]
) -> Any:
    """Structure settings into a plugin's own class.

    Raises:
        Refused: The settings are wrong.
        PluginError: The class is.
    """
    try:
        return converter.structure(settings, class_)
    except Refused:
        raise
    except Exception as error:
        raise PluginError(
            f"{offer.entry.name!r} of {offer.origin}: its settings class {class_.__name__} cannot "
            f"be used: {type(error).__name__}: {error}"
        ) from error


def _no_settings(key: str, kind: Kind, offer: Offer[Any]) -> Fault:
    fault = unknown_key(key, ())
    return Fault(fault.path, f"unknown key; {noun(kind)} {offer.entry.name!r} has no settings")

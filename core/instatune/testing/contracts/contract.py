"""What all kinds have in common: registration, a light hook, settings, a complete class."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from instatune.interfaces import INTERFACES
from instatune.plugin.entries import Entry, Kind
from instatune.plugin.manager import discover
from instatune.plugin.registry import Offer, load_target
from instatune.testing.expect import expect
from instatune.testing.plugins import assert_light


class Contract:
    """Base of all contracts.

    Attributes:
        kind: Set by the contract.
        entry: Name of the component, ``name@distribution`` if others have the same.
        settings: Arguments of the config class.
    """

    kind: ClassVar[Kind]
    entry: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}

    def offer(self) -> Offer[Entry]:
        """Find the component as a run does."""
        return discover()[self.kind].find(self.entry)

    def config(self) -> Any:
        """Make the settings."""
        config = self.offer().entry.config
        if config is None:
            expect(not self.settings, f"{self.entry} has no config class, so it takes no settings")
            return None
        return config(**self.settings)

    def make(self, *arguments: Any) -> Any:
        """Make the component from its settings and what else its kind takes."""
        return load_target(self.offer(), INTERFACES[self.kind])(self.config(), *arguments)

    def test_it_is_registered(self) -> None:
        offer = self.offer()
        expect(offer.entry.name == self.entry.partition("@")[0], f"{offer.entry.name} was found")

    def test_its_registration_imports_nothing_heavy(self) -> None:
        assert_light(self.offer().module)

    def test_its_summary_is_one_line(self) -> None:
        summary = self.offer().entry.summary
        expect(
            summary.strip() and "\n" not in summary,
            f"summary {summary!r}: say in one line what it does; `instatune plugins` shows it",
        )

    def test_its_class_implements_the_interface(self) -> None:
        load_target(self.offer(), INTERFACES[self.kind])

    def test_its_settings_cannot_change(self) -> None:
        config = self.config()
        if config is None:
            return
        for field in attrs.fields(type(config)):
            try:
                setattr(config, field.name, getattr(config, field.name))
            except attrs.exceptions.FrozenError:
                continue
            expect(False, f"{type(config).__name__} can be changed; decorate it with @attrs.frozen")

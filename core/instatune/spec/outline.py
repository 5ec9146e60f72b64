"""The search space before the model is loaded: anatomy from configuration files, genes, checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path as Folder
from typing import Any, cast

from instatune.errors import CheckpointError, PluginError, Problem, SpaceError
from instatune.interfaces.dimension import Dimension
from instatune.plugin.entries import AdapterEntry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer, load_target
from instatune.space import Anatomy, Gene, SearchSpace
from instatune.spec.checkpoint import is_local
from instatune.spec.document import Document
from instatune.spec.places import Place
from instatune.spec.plan import Part

_CHECKPOINT = ("model", "checkpoint")


class Outliner:
    """Holds settings of ``space`` against the model, as far as can be done without torch."""

    def __init__(self, document: Document, plugins: Plugins) -> None:
        """Take the document for the places of mistakes."""
        self.document = document
        self.plugins = plugins
        self.problems: list[Problem] = []

    def anatomy(self, adapter: Part, checkpoint: str) -> Anatomy | None:
        """Read the anatomy of a local checkpoint; None if that is not possible.

        Raises:
            PluginError: The adapter's function fails in a way that it should not.
        """
        entry = cast("AdapterEntry", adapter.entry)
        if not is_local(checkpoint) or self._foreign(entry, Folder(checkpoint)):
            return None
        if entry.outline is None:
            return None
        try:
            found: Anatomy | None = _function(entry.outline, adapter)(checkpoint)
        except CheckpointError as error:
            self.problems.append(self.document.problem(_CHECKPOINT, str(error)))
            return None
        except PluginError:
            raise
        except Exception as error:
            raise _blame(adapter, f"its outline {entry.outline!r} failed", error) from error
        return found

    def space(
        self, anatomy: Anatomy, dimensions: Sequence[tuple[Place, Part]], *, complete: bool
    ) -> SearchSpace | None:
        """Make the search space; None and problems noted if the model cannot have it.

        Args:
            anatomy: The model.
            dimensions: Those that could be resolved.
            complete: Whether these are all.

        Raises:
            PluginError: A dimension cannot be imported or fails in a way that it should not.
        """
        genes: list[Gene] = []
        before = len(self.problems)
        for place, part in dimensions:
            try:
                genes += self._genes(part, anatomy, place, genes)
            except SpaceError as error:
                path = place.inside(error.path)
                self.problems.append(self.document.problem(path, str(error)))
        if len(self.problems) > before:
            return None
        made = _search_space(anatomy, genes)
        if complete and made.size < 2:
            message = "there is a single network to choose from; give some dimension a second value"
            self.problems.append(self.document.problem(("space",), message))
            return None
        return made

    def _genes(
        self, part: Part, anatomy: Anatomy, place: Place, earlier: Sequence[Gene]
    ) -> tuple[Gene, ...]:
        target = load_target(_offer(part), Dimension)
        try:
            genes = tuple(cast("Dimension", target(part.config)).genes(anatomy))
        except SpaceError:
            raise
        except Exception as error:
            raise _blame(part, "making its genes failed", error) from error
        taken = {(gene.effect, t): gene for gene in earlier for t in gene.targets}
        for gene in genes:
            for target_name in gene.targets:
                if (gene.effect, target_name) in taken:
                    raise SpaceError(
                        f"sets {target_name!r}, which another dimension sets too; leave one out"
                    )
        return genes

    def _foreign(self, entry: AdapterEntry, folder: Folder) -> bool:
        """Compare ``model_type`` with what the adapter fits, where both are known."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            found = config.get("model_type")
        except (OSError, ValueError, AttributeError):
            return False  # no such file: the adapter's own business
        if not entry.model_types or found is None or found in entry.model_types:
            return False
        fitting = [
            offer.entry.name
            for offer in self.plugins["adapters"].offers()
            if found in cast("AdapterEntry", offer.entry).model_types
        ]
        cure = f"use {' or '.join(map(repr, fitting))}" if fitting else "choose another checkpoint"
        message = (
            f"the checkpoint is of the family {found!r}, adapter {entry.name!r} fits "
            f"{', '.join(map(repr, entry.model_types))}; {cure}"
        )
        self.problems.append(self.document.problem(("model", "adapter"), message))
        return True


def _search_space(anatomy: Anatomy, genes: Sequence[Gene]) -> SearchSpace:
    return SearchSpace(
        genes=tuple(genes),
        priority={stack.name: stack.first_layers for stack in anatomy.stacks},
        full_units={group.name: group.units for group in anatomy.groups},
    )


def _function(target: str, adapter: Part) -> Callable[[str], Any]:
    module, _, name = target.partition(":")
    try:
        return cast("Callable[[str], Any]", getattr(import_module(module), name))
    except Exception as error:
        raise _blame(adapter, f"its outline {target!r} cannot be imported", error) from error


def _blame(part: Part, what: str, error: Exception) -> PluginError:
    origin = f"{part.distribution} {part.version}".rstrip()
    return PluginError(f"{part.name!r} of {origin}: {what}: {type(error).__name__}: {error}")


def _offer(part: Part) -> Offer[Any]:
    return Offer(entry=part.entry, distribution=part.distribution, version=part.version, module="")

"""From a source to a plan: every name resolved, every setting checked, all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from instatune.errors import CheckpointError, Problem
from instatune.plugin.manager import Plugins, discover
from instatune.space import SearchSpace
from instatune.spec.assemble import assemble
from instatune.spec.bits import bit_widths
from instatune.spec.capabilities import misfits
from instatune.spec.checkpoint import locate
from instatune.spec.document import Document, Path
from instatune.spec.loader import Source
from instatune.spec.model import Spec
from instatune.spec.opening import broken_files, opened, opened_with_plugins
from instatune.spec.outline import Outliner
from instatune.spec.parts import Resolver
from instatune.spec.places import Place, places
from instatune.spec.plan import Part, Plan
from instatune.spec.structure import structure
from instatune.spec.warm_start import troubles


def prepare(
    source: Source,
    overrides: Iterable[str] = (),
    *,
    find: Callable[..., Plugins] = discover,
) -> tuple[Plan, Plugins]:
    """Read a spec, discover the plugins that it asks for, and make the plan.

    Args:
        source: See :data:`instatune.spec.loader.Source`.
        overrides: Texts such as ``"tune.lr=3e-4"``.
        find: Discovers plugins; called with the keywords ``disable`` and ``files``.

    Raises:
        SpecError: With all problems.
        PluginError: A plugin is broken that the check cannot do without.
    """
    document, plugins = opened_with_plugins(source, overrides, find)
    return plan(document, plugins), plugins


def plan(source: Source, plugins: Plugins, overrides: Iterable[str] = ()) -> Plan:
    """Make the plan for a spec with given plugins; see :func:`prepare`."""
    document = opened(source, overrides)
    spec, problems = structure(document)
    found = _Found.in_document(document, plugins)
    checkpoint, trouble = _checkpoint(document)
    outline, misfit = _outline(document, plugins, found, checkpoint)
    problems += [
        *found.problems,
        *misfits(found.parts, document, plugins),
        *broken_files(document, plugins),
        *trouble,
        *misfit,
        *bit_widths(found.parts, outline, document, plugins),
        *_warm_start(document, spec, outline),
    ]
    if problems or spec is None or checkpoint is None:
        raise document.refusal(problems)
    return assemble(spec, found.parts, found.limits, checkpoint, outline)


@attrs.frozen(kw_only=True)
class _Found:
    """Components of a document that could be resolved, and what is wrong with the others."""

    places: tuple[Place, ...]
    parts: Mapping[Path, Part]
    limits: tuple[Part, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def in_document(cls, document: Document, plugins: Plugins) -> _Found:
        resolver = Resolver(document, plugins)
        all_places = tuple(places(document))
        parts = {}
        for place in all_places:
            part = resolver.part(place)
            if part is not None:
                parts[place.path] = part
        limits = tuple(_limits(document, all_places, resolver))
        return cls(places=all_places, parts=parts, limits=limits, problems=tuple(resolver.problems))


def _limits(document: Document, all_places: Iterable[Place], resolver: Resolver) -> Iterator[Part]:
    """Objectives that only a constraint names."""
    constraints = document.data.get("constraints")
    declared = {
        place.component.name.partition("@")[0] for place in all_places if place.kind == "objectives"
    }
    for name in constraints if isinstance(constraints, dict) else ():
        part = None if name in declared else resolver.limit(name)
        if part is not None:
            yield part


def _checkpoint(document: Document) -> tuple[str | None, list[Problem]]:
    written = document.at(("model", "checkpoint"))
    if not isinstance(written, str):
        return None, []
    try:
        return locate(written), []
    except CheckpointError as error:
        return None, [document.problem(("model", "checkpoint"), str(error))]


def _outline(
    document: Document, plugins: Plugins, found: _Found, checkpoint: str | None
) -> tuple[SearchSpace | None, list[Problem]]:
    adapter = found.parts.get(("model", "adapter"))
    if adapter is None or checkpoint is None:
        return None, []
    outliner = Outliner(document, plugins)
    anatomy = outliner.anatomy(adapter, checkpoint)
    dimensions = [place for place in found.places if place.kind == "dimensions"]
    known = [(place, found.parts[place.path]) for place in dimensions if place.path in found.parts]
    if anatomy is None or not known:
        return None, outliner.problems
    space = outliner.space(anatomy, known, complete=len(known) == len(dimensions))
    return space, outliner.problems


def _warm_start(
    document: Document, spec: Spec | None, outline: SearchSpace | None
) -> Iterator[Problem]:
    folder = document.at(("search", "warm_start"))
    if spec is None or not isinstance(folder, str):
        return
    for text in troubles(folder, spec.run_dir or f"runs/{spec.name}", outline):
        yield document.problem(("search", "warm_start"), text)

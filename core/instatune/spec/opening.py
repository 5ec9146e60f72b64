"""Opening a source: the document with its overrides, and the plugins that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as File

from instatune.errors import Problem
from instatune.plugin.manager import Plugins
from instatune.spec import overrides as overriding
from instatune.spec.document import Document
from instatune.spec.faults import Refused
from instatune.spec.loader import Source, open_source
from instatune.spec.model import PluginsSection
from instatune.spec.structure import spec_converter


def opened(source: Source, overrides: Iterable[str]) -> Document:
    """Read a source and apply overrides such as ``"tune.lr=3e-4"``.

    Raises:
        SpecError: It cannot be read at all.
    """
    return overriding.apply(open_source(source), overrides)


def opened_with_plugins(
    source: Source, overrides: Iterable[str], find: Callable[..., Plugins]
) -> tuple[Document, Plugins]:
    """The same, and the plugins; ``find`` is called with the keywords ``disable`` and ``files``.

    Raises:
        SpecError: It cannot be read at all.
        PluginError: A plugin is broken that the check cannot do without.
    """
    document = opened(source, overrides)
    section = plugins_section(document)
    return document, find(disable=section.disable, files=section.files)


def plugins_section(document: Document) -> PluginsSection:
    """The section ``plugins``, as far as it can be read: its mistakes are told with all others."""
    written = document.data.get("plugins", {})
    try:
        return spec_converter().structure(written, PluginsSection)
    except Refused:
        return PluginsSection()


def broken_files(document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Plugin files that the document asks for but that could not be loaded."""
    for index, file in enumerate(plugins_section(document).files):
        for broken in plugins.broken:
            if broken.entry_point == str(File(file)):  # "./x.py" is spelled "x.py" there
                yield document.problem(("plugins", "files", index), broken.reason)

"""Do the bits of the space and the quantizer fit together?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from instatune.errors import Problem
from instatune.plugin.entries import DimensionEntry, ExporterEntry, QuantizerEntry
from instatune.plugin.manager import Plugins
from instatune.space import SearchSpace
from instatune.space.search_space import FULL_BITS
from instatune.spec.document import Document, Path
from instatune.spec.plan import Part, sets_bits

_PLACE = ("quantizer",)


def bit_widths(
    parts: Mapping[Path, Part], outline: SearchSpace | None, document: Document, plugins: Plugins
) -> Iterator[Problem]:
    """Everything that is wrong between the bits to choose from and what lowers them."""
    setting = [path for path, part in parts.items() if sets_bits(part)]
    quantizer = parts.get(_PLACE)
    if quantizer is None:
        if setting and document.data.get("quantizer") is None:
            names = ", ".join(_simulating(plugins)) or "none"
            message = (
                f"{setting[0][-1]!r} is to be chosen, but nothing lowers bits; add 'quantizer: ...'"
            )
            yield document.problem(setting[0], message, (f"available: {names}",))
        return
    if not setting:
        yield from _idle(quantizer, document, plugins)
        return
    entry = cast("QuantizerEntry", quantizer.entry)
    if not entry.simulates:
        names = " or ".join(map(repr, _simulating(plugins))) or "another one"
        message = f"{quantizer.name!r} is too slow to be searched with; use {names}"
        yield document.problem(_PLACE, message)
    for text in unoffered(outline, quantizer):
        yield document.problem(_PLACE, text)
    yield from _unwritten(parts, document, plugins)


def _unwritten(
    parts: Mapping[Path, Part], document: Document, plugins: Plugins
) -> Iterator[Problem]:
    """Quantized networks that no exporter would write."""
    entries = [p.entry for p in parts.values() if isinstance(p.entry, ExporterEntry)]
    if entries and not any(entry.quantized for entry in entries):
        names = [
            offer.entry.name
            for offer in plugins["exporters"].offers()
            if cast("ExporterEntry", offer.entry).quantized
        ]
        message = "none of these writes quantized networks; add one that does"
        yield document.problem(("exporters",), message, (f"available: {', '.join(names)}",))


def unoffered(space: SearchSpace | None, quantizer: Part) -> Iterator[str]:
    """What is wrong with bits of a space that the quantizer does not offer."""
    genes = space.genes if space is not None else ()
    wanted = {bits for gene in genes if gene.effect == "bits" for bits in gene.choices}
    offered = {*cast("QuantizerEntry", quantizer.entry).bits, FULL_BITS}
    missing = sorted(wanted - offered)
    if missing:
        yield (
            f"{quantizer.name!r} does not offer {missing[0]} bits; it offers "
            f"{', '.join(map(str, sorted(offered)))}"
        )


def _idle(quantizer: Part, document: Document, plugins: Plugins) -> Iterator[Problem]:
    names = [
        offer.entry.name
        for offer in plugins["dimensions"].offers()
        if cast("DimensionEntry", offer.entry).effect == "bits"
    ]
    cure = f"add {' or '.join(map(repr, names))} to 'space'" if names else "leave it out"
    message = f"{quantizer.name!r} has nothing to do: no bits are to be chosen; {cure}"
    yield document.problem(_PLACE, message)


def _simulating(plugins: Plugins) -> list[str]:
    return [
        offer.entry.name
        for offer in plugins["quantizers"].offers()
        if cast("QuantizerEntry", offer.entry).simulates
    ]

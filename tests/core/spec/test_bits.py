from __future__ import annotations

import pytest

from instatune.errors import SpecError
from instatune.plugin.entries import ExporterEntry, QuantizerEntry
from instatune.spec.bits import unoffered
from instatune.spec.plan import Part
from instatune.spec.resolve import plan
from instatune.testing import fakes

FAST = QuantizerEntry(name="fast", target="x:Y", summary="s", bits=(8,))
SLOW = QuantizerEntry(name="slow", target="x:Y", summary="s", bits=(8,), simulates=False)


@pytest.fixture
def offers(offering):
    """Only these lower bits, so that messages do not depend on what else is on offer."""
    return offering(FAST, SLOW)


def complaints(source, plugins) -> list[str]:
    with pytest.raises(SpecError) as caught:
        plan(source, plugins)
    return [problem.render("spec") for problem in caught.value.problems]


def with_bits(spec, **more):
    return {**spec, "space": {**spec["space"], "bits": [8, 32]}, **more}


def test_bits_need_a_quantizer(spec, offers):
    (found,) = complaints(with_bits(spec), offers)
    assert "space.bits: 'bits' is to be chosen, but nothing lowers bits" in found
    assert "fast" in found.partition("available: ")[2]


def test_a_quantizer_needs_bits(spec, offers):
    (found,) = complaints({**spec, "quantizer": "fast"}, offers)
    assert "quantizer: 'fast' has nothing to do: no bits are to be chosen; add" in found
    assert "'bits'" in found


def test_a_slow_quantizer_is_not_searched_with(spec, offers):
    (found,) = complaints(with_bits(spec, quantizer="slow"), offers)
    assert "quantizer: 'slow' is too slow to be searched with; use" in found
    assert "'fast'" in found


def test_both_together_make_a_plan(spec, offers):
    made = plan(with_bits(spec, quantizer="fast"), offers)
    assert made.quantizer is not None
    assert [part.name for part in made.quantizing] == ["bits"]
    assert "bits" not in [part.name for part in made.elastic]


def test_some_exporter_must_write_quantized_networks(spec, offering):
    plain = ExporterEntry(name="plain", target="x:Y", summary="s")
    plugins = offering(FAST, plain)
    source = with_bits(spec, quantizer="fast", exporters=["plain"])
    (found,) = complaints(source, plugins)
    assert "exporters: none of these writes quantized networks; add one that does" in found
    assert "folder" in found
    plan({**source, "exporters": ["plain", "folder"]}, plugins)


def test_without_either_nothing_changes(spec, offers):
    made = plan(spec, offers)
    assert made.quantizer is None
    assert made.quantizing == ()
    assert made.elastic == made.dimensions


def test_bits_that_the_quantizer_lacks_are_named():
    part = Part(kind="quantizers", entry=FAST, config=None, distribution="d", version="1")
    assert list(unoffered(fakes.space_with_bits(), part)) == [
        "'fast' does not offer 16 bits; it offers 8, 32"
    ]
    assert list(unoffered(fakes.space(), part)) == []
    assert list(unoffered(None, part)) == []


def test_a_batch_to_be_timed_holds_an_example(spec, offers):
    (found,) = complaints({**spec, "deploy": {"batch_sizes": [0, 32]}}, offers)
    assert found == "spec: deploy.batch_sizes: must be >= 1: 0"

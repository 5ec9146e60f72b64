"""The roofline against a plain sum over the modules of a network, and at its limits."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.errors import SpaceError
from instatune.space import Work, counting
from instatune.space.policy import module_of
from instatune.testing import fakes
from instatune_plugins.objectives import RooflineConfig
from instatune_plugins.objectives.roofline import Roofline

SPACE, ANATOMY = fakes.space_with_bits(), fakes.anatomy()
EVERYTHING = {
    "batch": 3,
    "tokens": 5,
    "peak_32": 1e9,
    "peak_16": 3e9,
    "peak_8": 7e9,
    "bandwidth": 2e9,
    "overhead": 1e-6,
}


def seconds(rows, space=SPACE, anatomy=ANATOMY, **changes) -> np.ndarray:
    return Roofline(RooflineConfig(**changes)).exact(space, anatomy, rows)


def by_hand(architecture, batch, tokens, peak_32, peak_16, peak_8, bandwidth, overhead) -> float:
    """Module by module, in numbers."""
    units = SPACE.kept_units(architecture)
    bits = SPACE.kept_bits(architecture)
    peaks = {8: peak_8, 16: peak_16, 32: peak_32}

    def one(macs, values, module=None, elements=0):
        width = bits.get(module, 32)
        traffic = elements * width / 8 + 4 * values
        return max(macs / peaks[width], traffic / bandwidth) + overhead

    total = one(batch * 3 * 16, batch * (3 + 16), "classifier", 3 * 16)
    for layer in SPACE.kept_layers(architecture)["layers"]:
        wide, neurons = 4 * units[f"heads.{layer}"], units[f"ffn.{layer}"]
        sides = {name: (wide, 16) for name in ("query", "key", "value")}
        sides |= {"out": (16, wide), "up": (neurons, 16), "down": (16, neurons)}
        for name, (rows, columns) in sides.items():
            values = batch * tokens * (rows + columns)
            macs, size = batch * tokens * rows * columns, rows * columns
            total += one(macs, values, f"layers.{layer}.{name}", size)
        total += one(2 * batch * tokens**2 * wide, 4 * batch * tokens * wide)
    return total


def drawn(count: int, seed: int = 0) -> np.ndarray:
    ends = SPACE.encode([SPACE.largest, SPACE.smallest])
    return np.concatenate([ends, SPACE.sample(np.random.default_rng(seed), count)])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bandwidth": 1e7},
        {"bandwidth": 1e15, "overhead": 0.0},
        {"batch": 1, "tokens": 64},
    ],
)
def test_time_is_the_sum_over_operations(changes):
    rows, config = drawn(30), {**EVERYTHING, **changes}

    found = seconds(rows, **config)

    assert found == pytest.approx([by_hand(a, **config) for a in SPACE.decode(rows)], rel=1e-12)


def test_with_nothing_but_arithmetic_it_is_that_of_all_macs():
    space = fakes.space()
    rows = space.sample(np.random.default_rng(0), 20)

    found = seconds(rows, space, bandwidth=1e30, overhead=0.0, peak_32=1e9)

    assert found == pytest.approx(space.count(counting.macs(ANATOMY), rows) / 1e9)


def test_with_nothing_but_calls_it_counts_operations():
    rows = SPACE.encode([SPACE.largest, SPACE.smallest])

    found = seconds(rows, bandwidth=1e30, peak_32=1e30, peak_16=1e30, peak_8=1e30, overhead=1.0)

    assert found.tolist() == [3 * 7 + 1, 1 * 7 + 1]


@given(st.integers(0, 2**31), st.integers(1, 64))
@settings(max_examples=10, derandomize=True)
def test_fewer_bits_are_never_slower(seed, batch):
    row = drawn(1, seed)[2:]
    for column, gene in enumerate(SPACE.genes):
        if gene.effect == "bits":
            times = []
            for choice in range(3):
                row[:, column] = choice
                times.append(seconds(row, batch=batch)[0])
            assert times == sorted(times)


def test_bits_between_use_the_next_wider_arithmetic():
    genes = [
        attrs.evolve(gene, choices=(4, 12, 24, 32)) if gene.effect == "bits" else gene
        for gene in SPACE.genes
    ]
    space = attrs.evolve(SPACE, genes=tuple(genes))
    rows = np.repeat(space.encode([space.largest]), 4, axis=0)
    column = [gene.name for gene in space.genes].index("bits.classifier")
    rows[:, column] = range(4)
    free = {"bandwidth": 1e30, "overhead": 0.0, "peak_32": 1.0, "peak_16": 2.0, "peak_8": 4.0}

    found = seconds(rows, space, **free)

    macs = 3 * 16
    assert (found - found[-1]).tolist() == [macs / 4 - macs, macs / 2 - macs, 0.0, 0.0]


def test_what_keeps_no_weight_takes_no_time():
    groups = [attrs.evolve(g, minimum=0) if g.kind == "ffn" else g for g in ANATOMY.groups]
    anatomy = attrs.evolve(ANATOMY, groups=tuple(groups))
    genes = [
        attrs.evolve(gene, choices=(0, *gene.choices)) if gene.name.startswith("ffn") else gene
        for gene in SPACE.genes
    ]
    space = attrs.evolve(SPACE, genes=tuple(genes))
    names = {f"ffn.{layer}": 0 for layer in range(3)}

    (found,) = seconds(space.encode([space.architecture(names)]), space, anatomy, overhead=1.0)

    assert int(found) == 3 * 5 + 1


def test_a_weight_that_is_listed_in_parts_is_one_operation():
    (first, *rest) = ANATOMY.work
    parts = (first, Work(first.weight, -2, 0), *rest)
    anatomy = attrs.evolve(ANATOMY, work=parts)
    rows = SPACE.encode([SPACE.largest])
    free = {"bandwidth": 1e30, "peak_32": 1.0, "overhead": 0.0}

    whole = seconds(rows, **free)
    less = seconds(rows, anatomy=anatomy, **free)

    assert whole - less == 2 * 16 * 16
    calls = {"bandwidth": 1e30, "peak_32": 1e30, "overhead": 1.0}
    assert seconds(rows, anatomy=anatomy, **calls) == seconds(rows, **calls)
    assert module_of(first.weight) == "layers.0.query"


def test_more_tokens_than_the_model_takes_are_refused():
    with pytest.raises(SpaceError, match="65 tokens, but the model takes 64; use values from 1"):
        seconds(drawn(1), tokens=65)

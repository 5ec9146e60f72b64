"""Automatic widths: one threshold for all genes, found for each share of MACs."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.space import Automatic, Gene
from instatune.space.automatic import Thresholds, refine
from instatune.space.counting import macs
from instatune.testing import fakes
from instatune.testing.fakes import TinySizes

SIZES = TinySizes(layers=3, hidden=64, heads=8, head=8, ffn=200)


def anatomy(fewest=0):
    made = fakes.anatomy(SIZES)
    groups = (attrs.evolve(g, minimum=fewest if g.kind == "ffn" else 1) for g in made.groups)
    return attrs.evolve(made, groups=tuple(groups))


def genes(kind, per_model=False):
    groups = anatomy().of_kind(kind)
    places = [tuple(g.name for g in groups)] if per_model else [(g.name,) for g in groups]
    return tuple(
        Gene(
            name=kind if per_model else targets[0],
            choices=(1, groups[0].units),
            effect="width",
            targets=targets,
        )
        for targets in places
    )


def random_importance(seed):
    """Continuous scores, so that no two units are equal; some layers matter far less."""
    rng = np.random.default_rng(seed)
    return {
        group.name: rng.gamma(0.5, size=group.units) * 10 ** rng.uniform(-1.5, 1)
        for group in anatomy().groups
    }


def wish(**changes):
    return Automatic(**{"configurations": 5, "low": 0.4, "high": 1.0, **changes})


def all_genes(divisor=1):
    return {g.name: (g, divisor) for kind in ("heads", "ffn") for g in genes(kind)}


def test_targets_are_evenly_spaced_and_hold_both_ends():
    assert wish().targets == pytest.approx((0.4, 0.55, 0.7, 0.85, 1.0))
    assert wish(configurations=1).targets == (0.4,)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), divisor=st.sampled_from([1, 8, 64]))
def test_a_higher_threshold_gives_a_narrower_network_everywhere(seed, divisor):
    thresholds = Thresholds(anatomy(), all_genes(divisor), random_importance(seed))
    steps = np.linspace(0, len(thresholds.levels), 12).astype(int)

    wide = thresholds.widths(0)
    assert wide == {name: gene.choices[-1] for name, (gene, _) in all_genes().items()}
    for dropped in steps:
        narrow = thresholds.widths(int(dropped))
        assert all(narrow[name] <= wide[name] for name in narrow)
        wide = narrow


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), target=st.floats(0.35, 1.0))
def test_the_macs_of_a_network_are_near_its_target(seed, target):
    shape = anatomy()
    found = Thresholds(shape, all_genes(), random_importance(seed)).configuration(target)

    units = {group.name: group.units for group in shape.groups}
    kept = {"layers": (0, 1, 2)}
    full = macs(shape).at(units, kept)
    assert found.share == macs(shape).at({**units, **found.widths}, kept) / full
    # The next network has one head less, or lacks the last 2 % of the neurons of one layer.
    head = full - macs(shape).at({**units, "heads.0": SIZES.heads - 1}, kept)
    neurons = full - macs(shape).at({**units, "ffn.0": SIZES.ffn - SIZES.ffn // 50}, kept)
    smallest = macs(shape).at({**dict.fromkeys(units, 0), **heads_of_one()}, kept) / full
    assert abs(found.share - max(target, smallest)) <= max(head, neurons) / full


def heads_of_one():
    return {gene.name: 1 for gene in genes("heads")}


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    divisor=st.sampled_from([1, 8, 64]),
    fewest=st.sampled_from([0, 1]),
    low=st.floats(0.3, 0.9),
    count=st.integers(1, 7),
)
def test_values_are_in_range_and_the_full_width_is_among_them(seed, divisor, fewest, low, count):
    wanted = [
        (wish(low=low, configurations=count), genes("heads")),
        (wish(low=low, configurations=count, divisor=divisor), genes("ffn")),
    ]

    found, networks = refine(anatomy(fewest), wanted, random_importance(seed))

    assert len(networks) == count
    for _, own in wanted:
        for gene in own:
            choices = found[gene.name].choices
            assert choices[-1] == gene.choices[-1]
            assert len(choices) <= count + 1
            assert {network.widths[gene.name] for network in networks} <= set(choices)
    for gene in genes("ffn"):
        for width in found[gene.name].choices[:-1]:
            assert width % divisor == 0
            assert width >= fewest
            assert width == 0 or width >= min(divisor, 0.02 * SIZES.ffn)


def test_layers_that_matter_less_become_narrow_first():
    importance = {g.name: np.linspace(1.0, 2.0, g.units) for g in anatomy().groups}
    importance["ffn.1"] = importance["ffn.1"] / 100

    found, _ = refine(anatomy(), [(wish(low=0.65, configurations=3), genes("ffn"))], importance)

    assert found["ffn.1"].choices[0] == 0
    assert found["ffn.0"].choices[0] > 0
    assert found["ffn.0"].choices[0] == pytest.approx(found["ffn.2"].choices[0], abs=1)


@pytest.mark.parametrize(("fewest", "divisor", "least"), [(0, 1, 0), (1, 1, 1), (1, 64, 64)])
def test_a_remnant_of_a_layer_is_left_out_where_the_model_allows_it(fewest, divisor, least):
    importance = {g.name: np.ones(g.units) for g in anatomy().groups}
    importance["ffn.1"] = np.r_[1.0, 1.0, 1.0, np.zeros(SIZES.ffn - 3)]  # 1.5 % of the units
    thresholds = Thresholds(
        anatomy(fewest), {g.name: (g, divisor) for g in genes("ffn")}, importance
    )

    assert thresholds.widths(1)["ffn.1"] == least


def test_units_are_compared_by_their_importance_per_mac():
    """A head that is as important as all the neurons of equal cost stands level with them."""
    shape = anatomy()
    units, kept = {g.name: g.units for g in shape.groups}, {"layers": (0, 1, 2)}
    count = macs(shape)
    cost = {
        name: count.at(units, kept) - count.at({**units, name: units[name] - 1}, kept)
        for name in ("heads.0", "ffn.0")
    }
    importance = {g.name: np.full(g.units, float(cost[f"{g.kind}.0"])) for g in shape.groups}
    importance["heads.1"] = importance["heads.1"] * 0.9
    importance["ffn.2"] = importance["ffn.2"] * 0.8
    thresholds = Thresholds(shape, all_genes(), importance)

    assert len(thresholds.levels) == 3
    assert thresholds.widths(1)["ffn.2"] == 0
    assert thresholds.widths(1)["heads.1"] == SIZES.heads
    assert thresholds.widths(2)["heads.1"] == 1
    assert thresholds.widths(2)["heads.0"] == SIZES.heads


def test_scores_may_be_negative():
    """Movement falls below zero where weights shrink."""
    importance = {name: -values for name, values in random_importance(3).items()}

    found = Thresholds(anatomy(), all_genes(), importance).configuration(0.6)

    assert found.share == pytest.approx(0.6, abs=0.02)


def test_one_gene_for_all_layers_keeps_places_by_their_mean_importance():
    importance = {f"ffn.{i}": np.zeros(SIZES.ffn) for i in range(3)}
    for layer in range(3):  # each layer has its own 40 good neurons, at other places
        importance[f"ffn.{layer}"][layer * 40 : layer * 40 + 40] = 1.0

    thresholds = Thresholds(anatomy(), {"ffn": (genes("ffn", per_model=True)[0], 1)}, importance)

    assert thresholds.widths(1) == {"ffn": 40}


def test_dimensions_may_ask_for_numbers_of_their_own():
    wanted = [
        (wish(configurations=2), genes("heads")),
        (wish(configurations=4), genes("ffn")),
    ]

    found, networks = refine(anatomy(), wanted, random_importance(0))

    assert [n.target for n in networks] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    ends = (networks[0], networks[-1])
    for gene in genes("heads"):
        assert set(found[gene.name].choices) == {n.widths[gene.name] for n in ends}


def test_equal_scores_leave_whole_genes_or_none():
    """The nearest that one threshold can do; it must end nevertheless."""
    importance = {g.name: np.zeros(g.units) for g in anatomy().groups}

    found = Thresholds(anatomy(), all_genes(), importance).configuration(0.9)

    assert found.share == 1.0

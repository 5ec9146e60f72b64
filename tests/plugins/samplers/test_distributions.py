"""What samplers draw in the long run, and that steps do not depend on one another."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from instatune.errors import PluginError, SpaceError
from instatune.interfaces import Gauge
from instatune.space.counting import macs
from instatune.testing import fakes
from instatune.testing.fakes import TinySizes
from instatune_plugins.samplers import (
    AttentiveConfig,
    MacsBalancedConfig,
    ProgressiveConfig,
    SortedConfig,
)
from instatune_plugins.samplers._sized import Bins, draw_between
from instatune_plugins.samplers.attentive import Attentive
from instatune_plugins.samplers.macs_balanced import MacsBalanced
from instatune_plugins.samplers.progressive import Progressive
from instatune_plugins.samplers.single_path import SinglePath
from instatune_plugins.samplers.sorted import Sorted

SIZES = TinySizes(layers=6)
SPACE, COUNT = fakes.space(SIZES), macs(fakes.anatomy(SIZES))
MACS = partial(SPACE.count, COUNT)
STEPS = 400


def no_loss(architecture):
    raise AssertionError("nobody asked for a loss")


def draw(sampler, step, *, total=STEPS, loss=no_loss, space=SPACE):
    rng = np.random.default_rng((7, step))
    gauge = Gauge(macs=partial(space.count, COUNT), loss=loss)
    return sampler.draw_with(gauge, space, step, total, rng)


def rows(sampler, steps=range(STEPS), role="sampled", **options):
    """Genotypes of all networks of one role."""
    found = [d.architecture for s in steps for d in draw(sampler, s, **options) if d.role == role]
    return SPACE.encode(found)


def chi_square(counts, expected) -> float:
    counts, expected = np.asarray(counts, float), np.broadcast_to(expected, np.shape(counts))
    return float(((counts - expected) ** 2 / expected).sum())


class TestSinglePath:
    def test_each_step_trains_one_network_alone(self):
        assert {len(draw(SinglePath(), step)) for step in range(20)} == {1}

    def test_genes_are_uniform(self):
        found = rows(SinglePath(), range(2000))

        depth = np.bincount(found[:, 0], minlength=6)
        assert chi_square(depth, 2000 / 6) < 20.5  # 99.9 % quantile at 5 degrees of freedom
        first = np.bincount(found[:, 2], minlength=3)  # layer 0 is never dropped
        assert chi_square(first, 2000 / 3) < 13.8


class TestSorted:
    def test_layers_share_their_level(self):
        for row in SPACE.decode(rows(Sorted(SortedConfig()))):
            for kind in ("heads", "ffn"):
                assert len({v for name, v in row.values if name.startswith(kind)}) == 1

    @pytest.mark.parametrize(("grid", "family"), [("plane", 6 * 3), ("line", 6)])
    def test_networks_of_the_family_are_uniform(self, grid, family):
        sampler = Sorted(SortedConfig(grid=grid, n_random=3))

        counts = Counter(map(tuple, rows(sampler)))

        assert len(counts) == family
        assert chi_square(list(counts.values()), 3 * STEPS / family) < 41  # 99.9 %, at most 17 dof

    def test_a_line_is_nested(self):
        found = np.unique(rows(Sorted(SortedConfig(grid="line"))), axis=0)

        ordered = sorted(SPACE.decode(found), key=lambda a: MACS(SPACE.encode([a]))[0])

        for small, large in pairwise(ordered):
            assert all(value <= large[name] for name, value in small.values)
        assert (ordered[0], ordered[-1]) == (SPACE.smallest, SPACE.largest)

    def test_a_space_without_depth_has_one_axis(self):
        from attrs import evolve

        flat = evolve(SPACE, genes=SPACE.genes[1:])

        found = {draw(Sorted(SortedConfig()), s, space=flat)[0].architecture for s in range(60)}

        assert len(found) == 3


class TestProgressive:
    def test_choices_open_from_the_largest_down_in_order(self):
        sampler = Progressive(ProgressiveConfig(opens=("ffn", "depth", "heads"), until=0.5))
        opened = [sampler.open(SPACE, step, STEPS) for step in range(STEPS)]
        depth, heads, ffn = (np.array(opened)[:, column] for column in (0, 1, 2))

        # 2 + 5 + 1 openings in the first 200 steps, the first of them at once.
        assert np.flatnonzero(np.diff(ffn)).tolist() == [24]
        assert np.flatnonzero(np.diff(depth)).tolist() == [49, 74, 99, 124, 149]
        assert np.flatnonzero(np.diff(heads)).tolist() == [174]
        assert (ffn[0], depth[0], heads[0]) == (2, 1, 1)
        assert np.array_equal(opened[-1], SPACE.cardinalities)

    def test_the_order_of_the_space_is_the_default(self):
        opened = Progressive(ProgressiveConfig()).open(SPACE, 0, STEPS)

        assert opened.tolist() == [2, *[1] * 12]

    def test_only_open_choices_are_drawn_and_all_of_them(self):
        sampler = Progressive(ProgressiveConfig(n_random=4))
        for start in (0, 100, 350):
            steps = range(start, start + 25)
            found = rows(sampler, steps)
            least = SPACE.cardinalities - sampler.open(SPACE, start + 24, STEPS)

            assert (found >= least).all()
            assert (found[:, 0].min(), found[:, 2].min()) == (least[0], least[2])

    def test_at_the_end_genes_are_uniform(self):
        found = rows(Progressive(ProgressiveConfig(n_random=6)), range(300, 400))

        assert chi_square(np.bincount(found[:, 0], minlength=6), 100) < 20.5

    def test_the_largest_is_trained_in_each_step(self):
        sampler = Progressive(ProgressiveConfig())

        assert {draw(sampler, step)[0].role for step in range(50)} == {"largest"}

    def test_an_unknown_dimension_is_named(self):
        with pytest.raises(
            SpaceError,
            match="progressive: opens names 'width', the space has depth, heads, ffn",
        ):
            draw(Progressive(ProgressiveConfig(opens=("depth", "width"))), 0)


class TestMacsBalanced:
    def test_bins_of_macs_are_uniform(self):
        sampler = MacsBalanced(MacsBalancedConfig(bins=10, n_random=3))

        found = MACS(rows(sampler))

        counts = np.bincount(Bins.of(SPACE, MACS, 10).of_macs(found), minlength=10)
        assert chi_square(counts, 3 * STEPS / 10) < 27.9  # 99.9 % at 9 degrees of freedom

    def test_uniform_genes_are_far_from_that(self):
        found = MACS(SPACE.sample(np.random.default_rng(0), 1200))

        counts = np.bincount(Bins.of(SPACE, MACS, 10).of_macs(found), minlength=10)
        assert chi_square(counts, 120) > 10 * 27.9
        assert counts[-2:].sum() < 0.05 * 240

    def test_networks_of_a_bin_differ(self):
        sampler = MacsBalanced(MacsBalancedConfig(bins=5))

        found = rows(sampler)
        bins = Bins.of(SPACE, MACS, 5).of_macs(MACS(found))

        for index in (1, 2, 3):
            inside = found[bins == index]
            assert len(np.unique(inside, axis=0)) > 20

    def test_no_random_networks_leave_the_largest(self):
        # The settings refuse 0; a bin count of 1 is the whole range.
        sampler = MacsBalanced(MacsBalancedConfig(bins=1))

        assert [d.role for d in draw(sampler, 0)] == ["largest", "sampled"]

    def test_without_macs_it_says_what_it_needs(self):
        with pytest.raises(PluginError, match="macs_balanced needs the MACs of networks; call dr"):
            MacsBalanced(MacsBalancedConfig()).draw(SPACE, 0, 1, np.random.default_rng(0))


class TestDrawBetween:
    @pytest.mark.parametrize("index", [0, 3, 12, 20, 24])
    def test_exact_macs_are_between_the_bounds(self, index):
        edges = Bins.of(SPACE, MACS, 25).edges(index)

        found = MACS(draw_between(SPACE, MACS, edges, 30, np.random.default_rng(1)))

        assert ((edges[0] <= found) & (found <= edges[1])).all()

    def test_each_network_of_a_small_space_can_be_drawn(self):
        small = fakes.space(TinySizes(layers=2))
        count = partial(small.count, macs(fakes.anatomy(TinySizes(layers=2))))
        low, high = count(small.encode([small.smallest, small.largest]))

        found = draw_between(small, count, (low, high), 3000, np.random.default_rng(0))

        assert len(np.unique(found, axis=0)) == small.size

    def test_where_there_is_nothing_the_nearest_is_given(self):
        most = MACS(SPACE.encode([SPACE.largest]))[0]

        found = draw_between(SPACE, MACS, (2 * most, 3 * most), 2, np.random.default_rng(0))

        assert set(SPACE.decode(found)) == {SPACE.largest}

    def test_bins_cover_the_range(self):
        bins = Bins(low=10.0, high=20.0, count=4)

        assert [bins.edges(i) for i in (0, 3)] == [(10.0, 12.5), (17.5, 20.0)]
        assert bins.of_macs(np.array([10.0, 12.4, 12.6, 20.0])).tolist() == [0, 0, 1, 3]


class TestAttentive:
    @staticmethod
    def by_macs(architecture):
        return float(MACS(SPACE.encode([architecture]))[0])

    def test_trains_largest_smallest_and_the_attended(self):
        found = draw(Attentive(AttentiveConfig()), 0, loss=self.by_macs)

        assert [d.role for d in found] == ["largest", "smallest", "sampled", "sampled"]

    @pytest.mark.parametrize(("mode", "pick"), [("best_up", min), ("worst_up", max)])
    def test_the_best_or_worst_of_the_candidates_is_trained(self, mode, pick):
        asked = []

        def loss(architecture):
            asked.append(architecture)
            return int(architecture.key, 16)

        sampler = Attentive(AttentiveConfig(mode=mode, candidates=4, n_random=1))
        for step in range(20):
            asked.clear()
            chosen = draw(sampler, step, loss=loss)[-1].architecture

            assert 2 <= len(asked) <= 4
            assert chosen == pick(asked, key=lambda a: int(a.key, 16))

    def test_candidates_lie_in_one_bin(self):
        bins, asked = Bins.of(SPACE, MACS, 25), []
        sampler = Attentive(AttentiveConfig(candidates=5, n_random=1))

        for step in range(30):
            asked.clear()
            draw(sampler, step, loss=lambda a: asked.append(a) or 0.0)

            # A bin of a single network has nothing to compare.
            assert len(set(bins.of_macs(MACS(SPACE.encode(asked))).tolist())) == bool(asked)

    def test_targets_of_the_prior_are_those_of_uniform_genes(self):
        bins = Bins.of(SPACE, MACS, 8)
        sampler = Attentive(AttentiveConfig(bins=8, n_random=2))

        found = bins.of_macs(MACS(rows(sampler, range(300), loss=self.by_macs)))
        prior = bins.of_macs(MACS(SPACE.sample(np.random.default_rng(5), 20000)))

        expected = np.bincount(prior, minlength=8) / 20000 * 600
        large = expected > 5
        counts = np.bincount(found, minlength=8)
        assert chi_square(counts[large], expected[large]) < 24.4  # 99.9 % at 7 degrees

    def test_targets_can_be_uniform(self):
        bins = Bins.of(SPACE, MACS, 8)
        sampler = Attentive(AttentiveConfig(bins=8, target="uniform"))

        found = bins.of_macs(MACS(rows(sampler, range(300), loss=self.by_macs)))

        assert chi_square(np.bincount(found, minlength=8), 600 / 8) < 24.4

    def test_a_loss_that_is_not_a_number_is_never_the_best(self):
        def loss(architecture):
            return float("nan") if int(architecture.key, 16) % 2 else 1.0

        sampler = Attentive(AttentiveConfig(candidates=8, n_random=1))

        picked = [draw(sampler, step, loss=loss)[-1].architecture for step in range(20)]

        assert not any(int(architecture.key, 16) % 2 for architecture in picked)

    def test_without_losses_it_says_what_it_needs(self):
        with pytest.raises(PluginError, match="attentive needs the MACs and losses of networks"):
            Attentive(AttentiveConfig()).draw(SPACE, 0, 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    "sampler",
    [
        SinglePath(),
        Sorted(SortedConfig()),
        Progressive(ProgressiveConfig()),
        Attentive(AttentiveConfig()),
        MacsBalanced(MacsBalancedConfig()),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
class TestAll:
    def test_a_step_is_a_function_of_its_number_and_generator(self, sampler):
        loss = TestAttentive.by_macs
        alone = draw(sampler, 17, loss=loss)

        for step in range(17):
            draw(sampler, step, loss=loss)

        assert draw(sampler, 17, loss=loss) == alone

    def test_a_space_with_one_architecture_is_refused(self, sampler):
        with pytest.raises(SpaceError, match="needs at least 2 architectures, the space has 1"):
            draw(sampler, 0, space=fakes.single_space())

"""Which networks a step trains."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from instatune.errors import SpaceError
from instatune.space import Gene, SearchSpace
from instatune_plugins.samplers import SandwichConfig, UniformConfig
from instatune_plugins.samplers.sandwich import Sandwich
from instatune_plugins.samplers.uniform import Uniform


def space(widths=(1, 2, 4), depths=(2, 3)) -> SearchSpace:
    genes = [Gene(name="depth", choices=depths, effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=f"ffn.{layer}",
            choices=widths,
            effect="width",
            targets=(f"ffn.{layer}",),
            stack="layers",
            layer=layer,
        )
        for layer in range(3)
    ]
    return SearchSpace(
        genes=tuple(genes),
        priority={"layers": (0, 1, 2)},
        full_units={f"ffn.{layer}": 4 for layer in range(3)},
    )


def draw(sampler, seed=0, where=None, step=0):
    return sampler.draw(
        space=where or space(), step=step, total_steps=10, rng=np.random.default_rng(seed)
    )


ALL = [Uniform(UniformConfig()), Sandwich(SandwichConfig())]


@pytest.mark.parametrize("sampler", ALL, ids=["uniform", "sandwich"])
class TestBoth:
    def test_largest_comes_first(self, sampler):
        first = draw(sampler)[0]

        assert (first.architecture, first.role) == (space().largest, "largest")

    def test_same_generator_same_draws(self, sampler):
        assert draw(sampler, seed=3) == draw(sampler, seed=3)

    def test_other_generator_other_draws(self, sampler):
        assert len({draw(sampler, seed=seed) for seed in range(8)}) > 1

    def test_all_draws_are_members_of_the_space(self, sampler):
        where = space()

        for seed in range(20):
            for found in draw(sampler, seed=seed):
                assert where.architecture(found.architecture.as_dict()) == found.architecture

    def test_a_space_with_one_architecture_is_refused(self, sampler):
        with pytest.raises(
            SpaceError,
            match=r"needs at least 2 architectures, the space has 1; give a dimension more choices",
        ):
            draw(sampler, where=space(widths=(4,), depths=(3,)))


def test_uniform_trains_the_largest_and_one_random_by_default():
    assert [found.role for found in draw(Uniform(UniformConfig()))] == ["largest", "sampled"]


def test_uniform_trains_m_random_networks():
    draws = draw(Uniform(UniformConfig(n_random=5)))

    assert [found.role for found in draws] == ["largest"] + ["sampled"] * 5


def test_uniform_without_random_networks_trains_the_largest_alone():
    assert [found.role for found in draw(Uniform(UniformConfig(n_random=0)))] == ["largest"]


def test_uniform_draws_every_choice_equally_often():
    draws = draw(Uniform(UniformConfig(n_random=6000)))[1:]

    depths = Counter(found.architecture["depth"] for found in draws)
    widths = Counter(found.architecture["ffn.0"] for found in draws)
    # Five standard deviations of a binomial count.
    assert all(abs(n - 3000) < 5 * (6000 / 4) ** 0.5 for n in depths.values())
    assert all(abs(n - 2000) < 5 * (6000 * 2 / 9) ** 0.5 for n in widths.values())


def test_sandwich_trains_both_ends_and_random_ones():
    draws = draw(Sandwich(SandwichConfig(n_random=3)))

    assert [found.role for found in draws] == ["largest", "smallest"] + ["sampled"] * 3
    assert draws[1].architecture == space().smallest


@pytest.mark.parametrize("config", [UniformConfig, SandwichConfig])
def test_a_negative_number_of_networks_is_refused(config):
    with pytest.raises(ValueError, match="n_random"):
        config(n_random=-1)

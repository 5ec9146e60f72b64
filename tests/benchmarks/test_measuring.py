"""What the benchmarks measure with."""

from __future__ import annotations

import importlib.util
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import nn

from instatune.testing import tiny
from instatune_plugins.adapters import instatune_adapters

HERE = Path(__file__).parent
MIB = 2**20


def script(name: str):
    """A benchmark's module; they are scripts beside each other, not a package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestPeakMemory:
    def test_it_is_the_most_at_a_time_not_the_sum(self):
        def step():
            first = torch.empty(MIB // 4)
            second = torch.empty(MIB // 2)
            del first
            third = torch.empty(MIB // 4)
            del second, third

        assert script("peak_memory").rise(step) == 3 * MIB

    def test_what_is_kept_for_the_backward_pass_counts(self):
        weight = torch.ones(MIB // 4, requires_grad=True)

        def kept():
            (weight.exp() * 2).sum().backward()
            weight.grad = None

        def forgotten():
            with torch.no_grad():
                (weight.exp_() * 2).sum()

        rise = script("peak_memory").rise
        assert rise(kept) >= rise(forgotten) + MIB

    def test_weights_and_the_state_of_the_optimiser_stand_before(self):
        module = script("peak_memory")
        model = nn.Linear(256, 256, bias=False)
        optimiser = torch.optim.Adam(model.parameters())
        assert module.standing(model, optimiser) == 256 * 256 * 4
        model(torch.ones(1, 256)).sum().backward()
        optimiser.step()

        with pytest.raises(ValueError, match="gradients from an earlier step; call zero_grad"):
            module.standing(model, optimiser)
        optimiser.zero_grad()

        moments = module.standing(model, optimiser)
        assert 3 * 256 * 256 * 4 <= moments < 3 * 256 * 256 * 4 + 64


class TestRace:
    def race(self, **settings):
        batch = dict(tiny.batches()[0])
        labels = batch.pop("labels")
        race = script("racing").Race
        return race(
            tiny.supernet, batch, lambda z: nn.functional.cross_entropy(z, labels), **settings
        )

    def test_both_steps_take_the_same_gradients(self):
        race = self.race()
        architecture = race.elastic.space.smallest
        small = race.static.extract(architecture)

        race.elastic_step(architecture)
        race.ideal_step(small)

        full = {n: p.grad for n, p in race.static.model.named_parameters()}
        part = dict(small.named_parameters())
        for name, parameter in race.elastic.model.named_parameters():
            expected = full[name].clone()
            if name in part:
                corner = tuple(slice(0, size) for size in part[name].shape)
                expected[corner] += part[name].grad
            torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-6)

    def test_each_is_measured_as_often_and_either_one_is_first(self):
        ticks = count()
        race = self.race(clock=lambda: float(next(ticks)))
        order = []
        race.elastic_step = lambda architecture: order.append("elastic")
        race.ideal_step = lambda small: order.append("ideal")

        pairs = list(race.pairs(race.elastic.space.smallest, 2))

        assert pairs == [(1.0, 1.0), (1.0, 1.0)]
        assert order == ["ideal", "elastic", "elastic", "ideal"] * 2


class TestContenders:
    def test_shares_are_choices_of_a_gene(self):
        anatomy = tiny.supernet().anatomy

        genes = {gene.name: gene.choices for gene in script("contenders").genes(anatomy)}

        assert genes["depth of layers"] == (1, 2, 3)
        assert genes["heads.0"] == (2, 3, 4)
        assert genes["ffn.2"] == (16, 24, 32)
        assert len(genes) == 1 + len(anatomy.groups)

    def test_every_first_party_adapter_takes_part(self):
        offered = {entry.name for entry in instatune_adapters()}

        assert offered <= {contender.adapter for contender in script("contenders").CONTENDERS}

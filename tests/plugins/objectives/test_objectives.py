"""Accuracy with its error, and exact counts."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch

from instatune.errors import DataError, SearchError, SpaceError
from instatune.interfaces import Measurement
from instatune.space import Anatomy, Attention, Cut, Gene, Group, SearchSpace, Stack, Work, counting
from instatune_plugins.objectives import MacsConfig
from instatune_plugins.objectives.accuracy import Accuracy
from instatune_plugins.objectives.macs import Macs
from instatune_plugins.objectives.params import Params

HIDDEN, LAYERS = 8, 2


def anatomy() -> Anatomy:
    """Two layers of four heads of size two, without biases, and a classifier of three classes."""
    groups, shapes, work, attentions = [], {}, [], []
    for layer in range(LAYERS):
        qkv, out = f"layers.{layer}.qkv", f"layers.{layer}.out"
        shapes |= {qkv: (3 * HIDDEN, HIDDEN), out: (HIDDEN, HIDDEN)}
        work += [Work(qkv), Work(out)]
        attentions.append(Attention(f"heads.{layer}", 2))
        groups.append(
            Group(
                name=f"heads.{layer}",
                kind="heads",
                units=4,
                cuts=(Cut(qkv, 0, unit=2, blocks=3), Cut(out, 1, unit=2)),
                outgoing=Cut(out, 1, unit=2),
                stack="layers",
                layer=layer,
            )
        )
    return Anatomy(
        family="toy",
        stacks=(Stack(name="layers", path="layers", layers=LAYERS),),
        groups=tuple(groups),
        shapes={**shapes, "classifier": (3, HIDDEN)},
        work=(*work, Work("classifier", tokens_power=0)),
        attentions=tuple(attentions),
        tokens=10,
        max_tokens=16,
    )


def space() -> SearchSpace:
    heads = [
        Gene(
            name=f"heads.{layer}",
            choices=(1, 4),
            effect="width",
            targets=(f"heads.{layer}",),
            stack="layers",
            layer=layer,
        )
        for layer in range(LAYERS)
    ]
    depth = Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))
    return SearchSpace(
        genes=(depth, *heads),
        priority={"layers": (0, 1)},
        full_units={"heads.0": 4, "heads.1": 4},
    )


class FakeTask:
    def correct(self, logits, batch):
        return (logits.argmax(-1) == batch["labels"]).float()


class FakeBench:
    """Each architecture gets as many examples right as it has heads in layer 0."""

    space, anatomy, task = space(), anatomy(), FakeTask()

    def __init__(self, batches=(3, 2), value=1.0):
        self.sizes, self.value = batches, value

    def outputs(self, architecture):
        right = architecture["heads.0"]
        for size in self.sizes:
            wanted = [0 if i < right else 1 for i in range(size)]
            right = max(0, right - size)
            yield torch.eye(2)[wanted] * self.value, {"labels": torch.zeros(size, dtype=torch.long)}


def measured(objective, architectures, bench) -> list[Measurement]:
    found: list[Measurement] = []
    objective.measure(architectures, bench, found.append)
    return found


class TestAccuracy:
    def test_is_the_share_of_correct_examples_over_all_batches(self):
        best, worst = measured(Accuracy(), [space().largest, space().smallest], FakeBench())

        assert (best.value, best.n) == (4 / 5, 5)
        assert (worst.value, worst.n) == (1 / 5, 5)

    def test_std_is_the_binomial_standard_error(self):
        (found,) = measured(Accuracy(), [space().largest], FakeBench(batches=(8, 8)))

        assert found.std == pytest.approx(sqrt(0.25 * 0.75 / 16))

    def test_a_perfect_score_has_no_spread(self):
        (found,) = measured(Accuracy(), [space().largest], FakeBench(batches=(4,)))

        assert (found.value, found.std) == (1.0, 0.0)

    def test_each_result_is_told_before_the_next_is_begun(self):
        told = []

        class Dying(FakeBench):
            def outputs(self, architecture):
                if told:
                    raise KeyboardInterrupt
                return super().outputs(architecture)

        with pytest.raises(KeyboardInterrupt):
            Accuracy().measure([space().largest, space().smallest], Dying(), told.append)

        assert [found.value for found in told] == [0.8]

    def test_an_empty_split_is_refused(self):
        with pytest.raises(DataError, match="no example to score; give the split at least one"):
            measured(Accuracy(), [space().largest], FakeBench(batches=()))

    def test_outputs_that_are_no_numbers_are_refused(self):
        with pytest.raises(SearchError) as caught:
            measured(Accuracy(), [space().largest], FakeBench(value=float("nan")))

        assert space().largest.key in str(caught.value)
        assert "not finite; tune with a lower lr or in fp32" in str(caught.value)


def macs_by_hand(heads: tuple[int, ...], tokens: int) -> int:
    """The formula of the paper's Table 1 for kept layers with these heads of size 2."""
    layers = sum(4 * tokens * HIDDEN * 2 * h + 2 * tokens**2 * 2 * h for h in heads)
    return layers + 3 * HIDDEN


class TestExactCounts:
    def test_macs_follow_the_formula(self):
        rows = space().encode([space().largest, space().smallest])

        found = Macs(MacsConfig()).exact(space(), anatomy(), rows)

        assert found.tolist() == [macs_by_hand((4, 4), 10), macs_by_hand((1,), 10)]

    def test_macs_at_another_length(self):
        rows = space().encode([space().largest])

        found = Macs(MacsConfig(tokens=16)).exact(space(), anatomy(), rows)

        assert found.tolist() == [macs_by_hand((4, 4), 16)]

    def test_params_count_kept_weights(self):
        rows = space().encode([space().largest, space().smallest])

        found = Params().exact(space(), anatomy(), rows)

        assert found.tolist() == [2 * 4 * 64 + 24, 4 * 2 * 8 + 24]

    def test_measuring_gives_the_same_without_error(self):
        objective = Params()
        rows = space().encode([space().smallest])

        (found,) = measured(objective, [space().smallest], FakeBench())

        assert found == Measurement(objective.exact(space(), anatomy(), rows)[0], 0.0, 1)

    @pytest.mark.parametrize(
        ("objective", "function"), [(Macs(MacsConfig()), "macs"), (Params(), "parameters")]
    )
    def test_the_formula_is_built_once_per_model(self, objective, function, monkeypatch):
        calls, original = [], getattr(counting, function)

        def counted(*args):
            calls.append(args)
            return original(*args)

        monkeypatch.setattr(counting, function, counted)
        shape, rows = anatomy(), np.zeros((1, 3), dtype=np.int64)

        for _ in range(3):
            objective.exact(space(), shape, rows)
        assert len(calls) == 1
        objective.exact(space(), anatomy(), rows)
        assert len(calls) == 2

    def test_more_tokens_than_the_model_takes_are_refused(self):
        with pytest.raises(SpaceError) as caught:
            Macs(MacsConfig(tokens=17)).exact(space(), anatomy(), space().encode([space().largest]))

        assert str(caught.value) == "17 tokens, but the model takes 16; use values from 1 to 16"
        assert caught.value.path == ("tokens",)

    def test_no_token_is_refused(self):
        with pytest.raises(ValueError, match="tokens"):
            MacsConfig(tokens=0)

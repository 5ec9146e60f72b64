"""The fakes are what they say, and clean up behind themselves."""

from __future__ import annotations

import json
import random
import sys

import numpy as np
import pytest
import torch

from instatune.plugin.manager import discover
from instatune.space import counting
from instatune.supernet.fit import verify
from instatune.testing import fakes, tiny
from instatune.testing.expect import expect, no_hidden_randomness, twice_with_other_globals
from instatune.testing.plugins import FakeDistribution, assert_light, on_path
from instatune.testing.results import summary


def test_the_anatomy_is_that_of_the_tiny_transformer():
    model = tiny.model()

    verify(fakes.anatomy(), model)

    counted = counting.parameters(fakes.anatomy())
    space = fakes.space()
    (found,) = space.count(counted, space.encode([space.largest]))
    assert found == sum(parameter.numel() for parameter in model.parameters())


def test_every_unit_and_layer_of_the_tiny_transformer_matters():
    supernet = tiny.supernet()
    batch = tiny.batches()[0]
    space = supernet.space
    whole = supernet.logits(batch)
    full = space.largest.as_dict()

    for gene in space.genes:
        less = space.architecture({**full, gene.name: gene.choices[-2]})
        with supernet.active(less):
            assert (supernet.logits(batch) - whole).abs().max() > 1e-3, gene.name


def test_the_space_has_as_many_architectures_as_it_says():
    space = fakes.space()

    drawn = space.decode(space.sample(np.random.default_rng(0), 20_000))

    assert len(set(drawn)) == space.size == 6 + 6**2 + 6**3


def test_a_space_without_choice_has_one_architecture():
    assert fakes.single_space().size == 1


def test_the_landscape_is_a_real_trade_off():
    land = fakes.Landscape()
    genotypes = land.space.sample(np.random.default_rng(0), 500)
    accuracy, macs = land.accuracy(genotypes), land.macs(genotypes)

    assert np.corrcoef(accuracy, macs)[0, 1] > 0.5
    assert genotypes[accuracy.argmax()].tolist() != genotypes[macs.argmin()].tolist()
    assert 0 < accuracy.min() < accuracy.max() < 1


def test_its_problem_measures_what_it_declares():
    land = fakes.Landscape()
    problem = land.problem(9, with_predictor=True)
    (evaluation,) = land.measure([land.space.largest])

    assert set(evaluation.values) == {aim.name for aim in problem.aims}
    assert problem.losses([evaluation])[0, 0] == -evaluation.values["accuracy"].value
    assert problem.exact["macs"](land.space.encode([land.space.largest]))[0] == (
        evaluation.values["macs"].value
    )
    assert len(land.problem(9, objectives=1).aims) == 1


def test_the_tiny_task_can_be_learned():
    task, adapter, model = tiny.TinyTask(), tiny.TinyAdapter(), tiny.model()
    train = task.collate(task.load(0).train)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

    for _ in range(60):
        optimiser.zero_grad()
        loss = task.loss(adapter.logits(model, train), train)
        loss.backward()
        optimiser.step()

    assert task.correct(adapter.logits(model, train), train).mean() > 0.9


def test_the_tokenizer_reads_back_what_it_wrote():
    from instatune.testing.tokens import tokenizer

    text = "naïve café, 5 × 3"
    made = tokenizer()

    assert made.decode(made(text)["input_ids"]) == text
    assert len(made) < fakes.TinySizes().vocabulary
    assert made(["x" * 100], truncation=True, max_length=7)["input_ids"] == [
        made("x")["input_ids"] * 7
    ]


def test_the_summary_is_consistent_and_plain(tmp_path):
    made = summary(tmp_path)

    json.dumps(made.as_dict())
    accuracies = [row.search["accuracy"].value for row in made.front]
    costs = [row.search["macs"].value for row in made.front]
    assert accuracies == sorted(accuracies, reverse=True)
    assert costs == sorted(costs, reverse=True)
    assert {row.key for row in made.front} <= set(made.kept)


def test_an_expectation_fails_with_its_message():
    expect([1], "not shown")
    with pytest.raises(AssertionError, match=r"^this is wrong$"):
        expect([], "this is wrong")


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (random.random, "random"),
        (np.random.rand, "numpy"),
        (lambda: torch.rand(1), "torch"),
        (lambda: np.random.seed(0), "numpy"),
    ],
)
def test_hidden_randomness_is_noticed(draw, name):
    with (
        pytest.raises(AssertionError, match=f"generator of {name} was used"),
        no_hidden_randomness(),
    ):
        draw()


def test_generators_of_ones_own_are_fine():
    with no_hidden_randomness():
        np.random.default_rng(0).random()
        torch.rand(1, generator=torch.Generator().manual_seed(0))


def test_other_globals_are_other_and_are_put_back():
    with no_hidden_randomness():
        first, second = twice_with_other_globals(lambda: (random.gauss(0, 1), np.random.rand()))

    assert first[0] != second[0]
    assert first[1] != second[1]


def test_light_modules_pass():
    assert_light("instatune.testing.contracts")
    assert_light("instatune.plugin.manager")


def test_heavy_modules_are_noticed():
    with pytest.raises(AssertionError, match=r"importing 'instatune\.testing\.tiny' brings torch"):
        assert_light("instatune.testing.tiny")


def test_modules_that_fail_are_noticed():
    with pytest.raises(AssertionError, match="'not_a_module' cannot be imported"):
        assert_light("not_a_module")


def test_fake_distributions_come_and_go(tmp_path):
    module = (
        "from instatune.plugin import hookimpl\n@hookimpl\ndef instatune_tasks():\n    return ()\n"
    )
    FakeDistribution(name="acme", modules={"acme.hooks": module}).write(tmp_path)

    with on_path(tmp_path):
        discover(only=("acme",))
        assert "acme.hooks" in sys.modules

    assert "acme.hooks" not in sys.modules
    assert str(tmp_path) not in sys.path
    assert "acme" not in {broken.distribution for broken in discover().broken}

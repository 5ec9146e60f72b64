"""What orderings are for: the first units of a trained model are worth more than the others."""

from __future__ import annotations

import copy
from statistics import mean

import pytest
import torch

from instatune.interfaces import Probe
from instatune.space import Gene
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes, tiny
from instatune.testing.fakes import TinySizes
from instatune_plugins.orderings import MovementConfig, SensitivityConfig
from instatune_plugins.orderings.activation import Activation
from instatune_plugins.orderings.l1 import L1
from instatune_plugins.orderings.l2 import L2
from instatune_plugins.orderings.movement import Movement
from instatune_plugins.orderings.sensitivity import Sensitivity
from instatune_plugins.orderings.taylor import Taylor

SIZES = TinySizes(layers=2)
TASK, ADAPTER, ANATOMY = tiny.TinyTask(), tiny.TinyAdapter(), fakes.anatomy(SIZES)
ORDERINGS = {
    "l1": L1(),
    "l2": L2(),
    "taylor": Taylor(),
    "activation": Activation(),
    # A tiny model has large gradients: rates and penalties that fit it.
    "movement": Movement(MovementConfig(lr=1e-3, epochs=10)),
    "sensitivity": Sensitivity(SensitivityConfig(penalty=1e-2, epochs=8)),
}
HEAD, NEURON = 1, 5  # what is planted


def batch(examples: int, seed: int) -> dict[str, torch.Tensor]:
    """Which of three tokens occurs most often among eight?"""
    ids = torch.randint(0, 3, (examples, 8), generator=torch.Generator().manual_seed(seed))
    counts = torch.stack([(ids == token).sum(1) for token in range(3)], 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": counts.argmax(1),
    }


def loss(model, examples):
    return TASK.loss(ADAPTER.logits(model, examples), examples)


def probe(model) -> Probe:
    batches = tuple(batch(32, seed=1000 + index) for index in range(16))
    return Probe(model=model, batches=batches, loss=lambda b: loss(model, b))


@pytest.fixture(scope="module")
def trained():
    model = tiny.model(SIZES)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(80):
        optimiser.zero_grad()
        loss(model, batch(32, seed=step)).backward()
        optimiser.step()
    optimiser.zero_grad()
    return model


@pytest.fixture(scope="module")
def ranked(trained):
    """Old indices of the units, the most important first, by ordering and group."""
    return {
        name: permute.ranking(ordering.importance(ANATOMY, probe(trained)))
        for name, ordering in ORDERINGS.items()
    }


def prefix_accuracy(model, order) -> float:
    """Mean accuracy of networks that keep 25, 50 and 75 % of each group, without training."""
    permuted = copy.deepcopy(model)
    permute.apply(permuted, ANATOMY, order)
    genes = [
        Gene(
            name=group.name,
            choices=tuple(group.units * quarters // 4 for quarters in (1, 2, 3, 4)),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in ANATOMY.groups
    ]
    supernet = Supernet(permuted, ANATOMY, search_space(ANATOMY, genes), ADAPTER.logits)
    examples, scores = batch(1000, seed=5000), []
    for choice in range(3):
        architecture = supernet.space.architecture({g.name: g.choices[choice] for g in genes})
        with torch.inference_mode(), supernet.active(architecture):
            scores.append(float(TASK.correct(supernet.logits(examples), examples).mean()))
    return mean(scores)


def shuffled(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {g.name: torch.randperm(g.units, generator=generator) for g in ANATOMY.groups}


@pytest.fixture(scope="module")
def unsorted_accuracy(trained):
    """Any order of an untrained model is as good as another: the mean of several."""
    return mean(prefix_accuracy(trained, shuffled(seed)) for seed in range(6))


@pytest.mark.parametrize("name", ORDERINGS)
def test_sorted_prefixes_beat_unsorted_ones_and_these_the_reverse(
    name, trained, ranked, unsorted_accuracy
):
    order = ranked[name]
    backwards = {group: indices.flip(0) for group, indices in order.items()}

    best, worst = prefix_accuracy(trained, order), prefix_accuracy(trained, backwards)

    assert best >= unsorted_accuracy > worst


@pytest.mark.parametrize("name", ORDERINGS)
def test_sorting_keeps_the_function(name, trained, ranked):
    examples, permuted = batch(50, seed=1), copy.deepcopy(trained)

    permute.apply(permuted, ANATOMY, ranked[name])

    with torch.inference_mode():
        assert not torch.equal(permuted.layers[0].down.weight, trained.layers[0].down.weight)
        torch.testing.assert_close(
            ADAPTER.logits(permuted, examples),
            ADAPTER.logits(trained, examples),
            atol=1e-5,
            rtol=1e-5,
        )


@pytest.mark.parametrize("name", ["taylor", "activation", "sensitivity"])
def test_a_head_and_a_neuron_that_say_nothing_rank_last(name, trained):
    model = copy.deepcopy(trained)
    layer, rows = model.layers[0], slice(4 * HEAD, 4 * HEAD + 4)
    with torch.no_grad():
        for linear, silent in ((layer.value, rows), (layer.up, NEURON)):
            linear.weight[silent] = 0
            linear.bias[silent] = 0
        # What reads them is large, so that a look at the weights alone is misled.
        layer.out.weight[:, rows] *= 3
        layer.down.weight[:, NEURON] *= 3

    scores = ORDERINGS[name].importance(ANATOMY, probe(model))
    by_size = ORDERINGS["l1"].importance(ANATOMY, probe(model))

    assert scores["heads.0"].argmin() == HEAD
    # Training left some neurons that say as good as nothing: gates fall alike there.
    tie = 0.02 if name == "sensitivity" else 0.0
    assert scores["ffn.0"][NEURON] <= scores["ffn.0"].min() + tie
    assert scores["ffn.0"][NEURON] < 0.7 * scores["ffn.0"].median()
    assert by_size["heads.0"].argmin() != HEAD
    assert by_size["ffn.0"].argmin() != NEURON


def test_movement_ranks_a_neuron_last_that_training_wants_to_shrink(trained):
    model = copy.deepcopy(trained)
    with torch.no_grad():
        model.layers[1].up.bias[NEURON] = 2.0  # it now shouts at every token
        model.layers[1].down.weight[:, NEURON] *= 8.0

    scores = ORDERINGS["movement"].importance(ANATOMY, probe(model))["ffn.1"]

    assert scores.argmin() == NEURON
    assert scores[NEURON] < 0

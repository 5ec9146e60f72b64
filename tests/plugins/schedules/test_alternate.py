"""Taking turns: who is trained in which step, and what is run for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from instatune.engine.loss import ElasticStep, elastic_backward
from instatune.interfaces import Draw, LossWeights, Moment
from instatune.testing import fakes
from instatune_plugins.schedules import AlternateConfig, InPlaceConfig
from instatune_plugins.schedules.alternate import Alternate
from instatune_plugins.schedules.in_place import InPlace


def moment(step: int) -> Moment:
    return Moment(step=step, total_steps=12, epoch=0, epochs=1)


def trained(schedule, step: int) -> list[str]:
    roles = ("largest", "sampled", "smallest")
    return [role for role in roles if schedule.weights(moment(step), role).task]


def test_the_networks_take_turns():
    schedule = Alternate(AlternateConfig())

    turns = [trained(schedule, step) for step in range(4)]

    assert turns == [["largest"], ["sampled", "smallest"]] * 2


def test_the_super_network_may_have_fewer_turns():
    schedule = Alternate(AlternateConfig(every=4))

    assert [step for step in range(12) if trained(schedule, step) == ["largest"]] == [0, 4, 8]


def test_nobody_is_distilled():
    schedule = Alternate(AlternateConfig())

    assert not schedule.uses_teacher(3)
    assert schedule.weights(moment(0), "sampled") == LossWeights(task=0.0)


def test_once_at_least_the_others_must_have_a_turn():
    with pytest.raises(ValueError, match="'every' must be >= 2"):
        AlternateConfig(every=1)


def run(schedule, step: int) -> list[str]:
    """Networks that one step runs forward, in order."""
    space = fakes.space()
    other = space.decode(space.sample(np.random.default_rng(0), 1))[0]
    weight, ran = torch.ones((), requires_grad=True), []

    def logits(architecture, batch):
        ran.append("largest" if architecture == space.largest else "other")
        return weight * torch.eye(2)

    elastic = ElasticStep(
        logits=logits,
        task_loss=lambda logits, batch: logits.sum(),
        schedule=schedule,
        backward=torch.Tensor.backward,
    )
    draws = [Draw(space.largest, "largest"), Draw(other, "sampled")]
    elastic_backward(step=elastic, draws=draws, batch={}, teacher=None, moment=moment(step))
    return ran


def test_a_network_out_of_turn_is_not_run():
    assert [run(Alternate(AlternateConfig()), step) for step in (0, 1)] == [["largest"], ["other"]]


def test_a_largest_network_that_teaches_is_still_run():
    assert run(InPlace(InPlaceConfig()), 0) == ["largest", "other"]

"""The terms ``hidden`` and ``relation`` in a training step: who learns, from whom, at what cost."""

from __future__ import annotations

import gc
import weakref

import attrs
import pytest
import torch
from torch import nn
from torch.nn import functional

from instatune.engine.inner_loss import hidden_distance, relation_distance
from instatune.engine.inside import Inside, Watcher
from instatune.engine.loss import ElasticStep, elastic_backward
from instatune.errors import PluginError
from instatune.interfaces import Draw, LossWeights, Moment, Schedule
from instatune.testing import tiny

MOMENT = Moment(step=7, total_steps=20, epoch=0, epochs=2)
SUBS = ({"depth": 2, "heads.0": 2, "ffn.1": 8}, {"depth": 3, "heads.2": 2})


@attrs.frozen(kw_only=True)
class Rule(Schedule):
    """The same weights for all sub-networks."""

    largest: LossWeights = attrs.field(factory=lambda: LossWeights(task=1.0))
    others: LossWeights = attrs.field(factory=lambda: LossWeights(task=0.0))
    config: object = None

    def weights(self, moment, role):
        return self.largest if role == "largest" else self.others


def inner(**weights) -> Rule:
    return Rule(others=LossWeights(task=0.0, relation_heads=4, **weights))


@pytest.fixture
def net():
    return tiny.supernet()


def step_of(net, schedule, **changes) -> ElasticStep:
    def logits(architecture, batch):
        with net.active(architecture):
            return net.logits(batch)

    terms = schedule.inner_terms(1)
    parts = {
        "logits": logits,
        "task_loss": lambda logits, batch: functional.cross_entropy(logits, batch["labels"]),
        "schedule": schedule,
        "backward": torch.Tensor.backward,
        "watcher": Watcher(net.model, net.anatomy, terms) if terms else None,
        **changes,
    }
    return ElasticStep(**parts)


def run(net, schedule, subs=SUBS, largest=True, batch=None, **changes):
    draws = [Draw(net.space.largest, "largest")] if largest else []
    draws += [Draw(net.space.architecture(values), "sampled") for values in subs]
    net.model.zero_grad()
    losses = elastic_backward(
        step=step_of(net, schedule, **changes),
        draws=draws,
        batch=batch or tiny.batches()[0],
        teacher=None,
        moment=MOMENT,
    )
    return losses, gradients(net.model)


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }


def literal(net, hidden, relation, layers, subs=SUBS):
    """The same terms with one graph and one backward pass."""
    batch = tiny.batches()[0]
    watcher = Watcher(net.model, net.anatomy, ("hidden", "relation"))
    net.model.zero_grad()

    def inside(architecture):
        with watcher.watching(("hidden", "relation")) as found, net.active(architecture):
            logits = net.logits(batch)
        return logits, found

    logits, whole = inside(net.space.largest)
    loss, fixed = functional.cross_entropy(logits, batch["labels"]), whole.detached()
    for values in subs:
        _, found = inside(net.space.architecture(values))
        mask = batch["attention_mask"]
        loss = loss + hidden * hidden_distance(found, fixed, mask)
        loss = loss + relation * relation_distance(found, fixed, mask, 4, layers)
    loss.backward()
    return gradients(net.model)


def assert_same(found, expected):
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize(("hidden", "relation"), [(0.3, 0.0), (0.0, 2.0), (0.5, 0.5)])
def test_gradients_are_those_of_the_literal_sum(net, hidden, relation, layers):
    schedule = inner(hidden=hidden, relation=relation, relation_layers=layers)

    _, found = run(net, schedule)

    assert_same(found, literal(net, hidden, relation, layers))
    assert any(not torch.equal(found[name], g) for name, g in run(net, Rule())[1].items())


def test_a_sub_network_equal_to_the_largest_learns_nothing_from_it(net):
    losses, _ = run(net, inner(hidden=1.0, relation=1.0), subs=({},))

    assert losses["sampled"] == pytest.approx(0.0, abs=1e-6)


def test_the_largest_network_learns_nothing_from_teaching(net):
    smallest = ({"depth": 1, "heads.0": 2, "ffn.0": 8},)
    silent = attrs.evolve(inner(hidden=1.0, relation=1.0), largest=LossWeights(task=0.0))
    graphs = []

    def logits(architecture, batch):
        with net.active(architecture):
            graphs.append(net.logits(batch).requires_grad)
            return net.logits(batch)

    losses, found = run(net, silent, subs=smallest, logits=logits)

    assert graphs == [False, True]
    assert set(losses) == {"sampled"}
    alone = {n: g for n, g in found.items() if n.startswith(("layers.1", "layers.2"))}
    assert alone
    assert all((gradient == 0).all() for gradient in alone.values())
    assert (found["layers.0.up.weight"][8:] == 0).all()
    assert found["layers.0.up.weight"][:8].abs().max() > 0
    assert found["embed.weight"].abs().max() > 0


def test_a_batch_without_a_mask_has_no_padding(net):
    ones = torch.ones(8, 8, dtype=torch.int64)
    ids = torch.randint(0, 3, (8, 8), generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": ids, "labels": ids[:, 0]}
    schedule = inner(hidden=1.0, relation=1.0)

    def logits(architecture, batch):
        with net.active(architecture):
            return net.logits({**batch, "attention_mask": ones})

    _, without = run(net, schedule, batch=batch, logits=logits)
    _, full = run(net, schedule, batch={**batch, "attention_mask": ones})

    assert_same(without, full)


def test_a_term_of_weight_zero_puts_no_hook_anywhere(net, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("a hook was registered")

    monkeypatch.setattr(nn.Module, "register_forward_hook", refuse)
    schedule = Rule(others=LossWeights(task=0.3, supernet=0.7))

    losses, _ = run(net, schedule)

    assert set(losses) == {"largest", "sampled"}


def test_hooks_are_gone_after_a_step_that_failed(net):
    def broken(architecture, batch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(net, inner(hidden=1.0, relation=1.0), logits=broken)

    assert not any(module._forward_hooks for module in net.model.modules())


def test_nothing_of_a_step_stays_in_memory(net):
    seen: list[weakref.ref] = []
    layer = net.model.layers[1]
    handle = layer.register_forward_hook(lambda m, i, output: seen.append(weakref.ref(output)))

    run(net, inner(hidden=1.0, relation=1.0, relation_layers="all"))
    handle.remove()
    gc.collect()

    assert len(seen) == 3
    assert all(reference() is None for reference in seen)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_only_the_attention_that_is_compared_is_kept_of_the_largest_network(
    net, layers, monkeypatch
):
    kept, detached = [], Inside.detached

    def spy(inside, **settings):
        kept.append(detached(inside, **settings))
        return kept[-1]

    monkeypatch.setattr(Inside, "detached", spy)
    run(net, inner(relation=1.0, relation_layers=layers))

    assert [len(inside.attention) for inside in kept] == [1 if layers == "last" else 3]


class TestMistakes:
    def test_a_schedule_that_does_not_name_its_terms(self, net):
        with pytest.raises(PluginError) as caught:
            run(net, inner(hidden=1.0, relation=0.5), watcher=None)

        assert str(caught.value) == (
            "loss schedule: step 7 gives hidden and relation a weight, but nothing was prepared to "
            "look inside of networks; its inner_terms must name them, or their weights be 0"
        )

    @pytest.mark.parametrize("term", ["hidden", "relation"])
    def test_a_largest_network_that_was_not_drawn_before(self, net, term):
        with pytest.raises(PluginError, match="the sampler did not draw the largest before it"):
            run(net, inner(**{term: 1.0}), largest=False)

    def test_a_largest_network_cannot_learn_from_itself(self, net):
        schedule = Rule(largest=LossWeights(task=1.0, hidden=1.0), others=LossWeights(task=1.0))

        with pytest.raises(PluginError, match="lets the largest network teach the largest one"):
            run(net, schedule)

    @pytest.mark.parametrize("term", ["hidden", "relation"])
    def test_a_weight_that_is_no_weight(self, net, term):
        with pytest.raises(PluginError, match=f"weight inf of the {term} term for the sampled"):
            run(net, inner(**{term: float("inf")}))

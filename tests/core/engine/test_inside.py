"""Looking inside of networks: what is recorded, for how long, and what is said if it is not."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import nn

from instatune.engine.inside import Watcher
from instatune.errors import TrainingError
from instatune.space import Anatomy, Attention, Stack
from instatune.testing import tiny

BOTH = ("hidden", "relation")


@pytest.fixture
def net():
    return tiny.supernet()


@pytest.fixture
def batch():
    return tiny.batches()[0]


def watcher_of(net, terms=BOTH) -> Watcher:
    return Watcher(net.model, net.anatomy, terms)


def seen(net, batch, values=None, terms=BOTH):
    architecture = net.space.architecture(values or net.space.largest.as_dict())
    with watcher_of(net).watching(terms) as inside, net.active(architecture):
        net.logits(batch)
    return inside


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


class TestWhatIsRecorded:
    def test_hidden_states_are_the_outputs_of_the_layers(self, net, batch):
        inside = seen(net, batch)

        model = net.model
        x = model.embed(batch["input_ids"])
        x = x + model.embed_positions(torch.arange(x.shape[1]))
        for index, layer in enumerate(model.layers):
            x = layer(x, batch["attention_mask"][:, None, None, :].bool())
            assert torch.equal(inside.hidden[f"layers.{index}"], x)
        assert list(inside.hidden) == ["layers.0", "layers.1", "layers.2"]

    def test_queries_keys_and_values_are_those_of_the_layer(self, net, batch):
        inside = seen(net, batch)

        layer = net.model.layers[1]
        normed = layer.norm_attention(inside.hidden["layers.0"])
        found = inside.attention["layers.1.query"]
        for tensor, linear in zip(found, (layer.query, layer.key, layer.value), strict=True):
            assert torch.equal(tensor, linear(normed))

    def test_a_sub_network_shows_its_own_layers_under_the_names_of_the_full_model(self, batch):
        net = tiny.supernet()
        space = attrs.evolve(net.space, priority={"layers": (2, 0, 1)})
        net.space = space

        inside = seen(net, batch, {"depth": 2, "heads.2": 2})

        assert list(inside.hidden) == ["layers.0", "layers.2"]
        widths = {path: q.shape[-1] for path, (q, _, _) in inside.attention.items()}
        assert widths == {"layers.0.query": 16, "layers.2.query": 8}

    def test_only_what_is_asked_for_is_recorded(self, net, batch):
        assert not seen(net, batch, terms=("hidden",)).attention
        assert not seen(net, batch, terms=("relation",)).hidden

    def test_one_module_may_give_queries_keys_and_values_side_by_side(self):
        model = Fused()
        anatomy = plain_anatomy(attentions=(Attention("heads", 4, projections=("layers.0.qkv",)),))
        x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))

        with Watcher(model, anatomy, ["relation"]).watching(["relation"]) as inside:
            model(x)

        whole = torch.cat(inside.attention["layers.0.qkv"], -1)
        assert torch.equal(whole, model.layers[0].qkv(x))
        assert [part.shape for part in inside.attention["layers.0.qkv"]] == [(2, 5, 4)] * 3

    def test_a_layer_may_give_a_tuple(self):
        model = Fused(pack=lambda x: (x, None))
        x = torch.ones(1, 2, 4)

        with Watcher(model, plain_anatomy(), ["hidden"]).watching(["hidden"]) as inside:
            found = model(x)

        assert torch.equal(inside.hidden["layers.0"], found[0])

    def test_without_a_graph_only_the_last_attention_may_be_kept(self, net, batch):
        inside = seen(net, batch)
        assert inside.hidden["layers.2"].requires_grad

        last = inside.detached(last_attention=True)

        assert list(last.attention) == ["layers.2.query"]
        assert list(inside.detached().attention) == [f"layers.{i}.query" for i in range(3)]
        tensors = [*last.hidden.values(), *last.attention["layers.2.query"]]
        assert not any(tensor.requires_grad for tensor in tensors)
        assert torch.equal(last.hidden["layers.2"], inside.hidden["layers.2"])


class TestHooks:
    def test_they_stand_while_a_network_runs_and_at_no_other_time(self, net, batch):
        watcher = watcher_of(net)
        assert hooks(net.model) == 0

        with watcher.watching(BOTH):
            assert hooks(net.model) == 3 + 9
            net.logits(batch)

        assert hooks(net.model) == 0

    def test_they_are_removed_whatever_happens(self, net):
        with pytest.raises(ZeroDivisionError), watcher_of(net).watching(BOTH):
            raise ZeroDivisionError

        assert hooks(net.model) == 0

    def test_they_change_nothing(self, net, batch):
        before = net.logits(batch)

        with watcher_of(net).watching(BOTH):
            watched = net.logits(batch)

        assert torch.equal(before, watched)


class Layer(nn.Module):
    def __init__(self, pack):
        super().__init__()
        self.qkv = nn.Linear(4, 12)
        self.pack = pack

    def forward(self, x):
        return self.pack(self.qkv(x).chunk(3, -1)[2])


class Fused(nn.Module):
    def __init__(self, pack=lambda x: x, used=True):
        super().__init__()
        self.layers = nn.ModuleList([Layer(pack)])
        self.used = used

    def forward(self, x):
        return self.layers[0](x) if self.used else x


def plain_anatomy(**changes) -> Anatomy:
    parts = {
        "family": "fused",
        "stacks": (Stack(name="layers", path="layers", layers=1),),
        "groups": (),
        "shapes": {},
        "work": (),
        "tokens": 5,
        **changes,
    }
    return Anatomy(**parts)


class TestMistakes:
    def test_a_family_without_layers_has_no_hidden_states(self):
        with pytest.raises(TrainingError) as caught:
            Watcher(Fused(), plain_anatomy(stacks=()), ["hidden"])

        assert str(caught.value) == (
            "tune.loss: 'hidden' compares layers, but the anatomy of the fused family lists no "
            "stack of layers; use hidden: 0"
        )

    @pytest.mark.parametrize(
        ("attentions", "which"),
        [
            ((), "of any layer"),
            ((Attention("heads.0", 4), Attention("heads.1", 4)), "of 'heads.0', 'heads.1'"),
        ],
    )
    def test_an_anatomy_that_does_not_say_where_attention_is(self, attentions, which):
        with pytest.raises(TrainingError) as caught:
            Watcher(Fused(), plain_anatomy(attentions=attentions), ["relation"])

        assert str(caught.value) == (
            "tune.loss: 'relation' compares queries, keys and values, but the anatomy of the fused "
            f"family does not say where those {which} are (Attention.projections); use relation: "
            "0, or an adapter that says it"
        )

    def test_projections_that_do_not_run_are_named(self):
        attentions = (Attention("heads", 4, projections=("layers.0.qkv",)),)
        model = Fused(used=False)
        watcher = Watcher(model, plain_anatomy(attentions=attentions), ["relation"])

        with (
            pytest.raises(TrainingError, match=r"the projections 'layers\.0\.qkv' were not called"),
            watcher.watching(["relation"]),
        ):
            model(torch.ones(1, 2, 4))

    def test_layers_that_do_not_run_are_named(self):
        model = Fused(used=False)
        watcher = Watcher(model, plain_anatomy(), ["hidden"])

        with (
            pytest.raises(TrainingError, match=r"none of the layers 'layers\.0' to 'layers\.0'"),
            watcher.watching(["hidden"]),
        ):
            model(torch.ones(1, 2, 4))

    @pytest.mark.parametrize(("pack", "kind"), [(str, "str"), (lambda x: (), "tuple")])
    def test_a_layer_that_gives_no_tensor_is_named(self, pack, kind):
        model = Fused(pack=pack)
        watcher = Watcher(model, plain_anatomy(), ["hidden"])

        with (
            pytest.raises(TrainingError, match=rf"module 'layers\.0' gives a {kind}, no tensor"),
            watcher.watching(["hidden"]),
        ):
            model(torch.ones(1, 2, 4))
        assert hooks(model) == 0

"""Settings become genes, and every mistake in them has its own message."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, nan

import attrs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from instatune.errors import SpaceError
from instatune.space import Anatomy, Automatic, Cut, Group, Stack
from instatune.supernet.build import search_space
from instatune_plugins.dimensions import DepthConfig, EmbedConfig, WidthConfig
from instatune_plugins.dimensions._choices import Choices
from instatune_plugins.dimensions.depth import Depth
from instatune_plugins.dimensions.embed import Embed
from instatune_plugins.dimensions.ffn import FeedForward
from instatune_plugins.dimensions.heads import Heads


def anatomy(heads=(12, 12, 12), ffn=(3072, 3072, 3072)) -> Anatomy:
    """Three layers of a BERT-like model; only what dimensions read."""
    groups = [
        Group(
            name=f"{kind}.{layer}",
            kind=kind,
            units=units,
            cuts=(),
            outgoing=Cut(f"layers.{layer}.{kind}", 1),
            stack="layers",
            layer=layer,
        )
        for kind, counts in (("heads", heads), ("ffn", ffn))
        for layer, units in enumerate(counts)
    ]
    stack = Stack(name="layers", path="layers", layers=len(heads))
    return Anatomy(
        family="bert", stacks=(stack,), groups=tuple(groups), shapes={}, work=(), tokens=128
    )


def error_of(dimension, shape=None) -> SpaceError:
    with pytest.raises(SpaceError) as caught:
        dimension.genes(shape or anatomy())
    return caught.value


class TestWidth:
    def test_each_layer_gets_its_gene_with_sorted_choices(self):
        genes = Heads(WidthConfig(choices=(12, 6, 8))).genes(anatomy())

        assert [gene.name for gene in genes] == ["heads.0", "heads.1", "heads.2"]
        assert {gene.choices for gene in genes} == {(6, 8, 12)}
        assert [(g.stack, g.layer, g.targets, g.effect) for g in genes][1] == (
            "layers",
            1,
            ("heads.1",),
            "width",
        )

    def test_one_gene_for_the_model_sets_all_groups_and_lives_in_no_layer(self):
        (gene,) = FeedForward(WidthConfig(ratio=(0.5, 1.0), per="model")).genes(anatomy())

        assert (gene.name, gene.choices) == ("ffn", (1536, 3072))
        assert gene.targets == ("ffn.0", "ffn.1", "ffn.2")
        assert (gene.stack, gene.layer) == (None, None)

    def test_counts_and_ratios_add_up(self):
        genes = Heads(WidthConfig(choices=(3,), ratio=(0.5, 1.0))).genes(anatomy())

        assert genes[0].choices == (3, 6, 12)

    def test_ratios_follow_the_size_of_each_layer(self):
        genes = Heads(WidthConfig(ratio=(0.5, 1.0))).genes(anatomy(heads=(12, 8, 4)))

        assert [gene.choices for gene in genes] == [(6, 12), (4, 8), (2, 4)]

    def test_ratios_are_rounded_to_multiples_of_the_divisor(self):
        genes = FeedForward(WidthConfig(ratio=(0.3, 0.5, 1.0), divisor=64)).genes(
            anatomy(ffn=(1000, 1000, 1000))
        )

        # 300 / 64 = 4.7 -> 320, 500 / 64 = 7.8 -> 512; the full model stays exact
        assert genes[0].choices == (320, 512, 1000)

    def test_heads_and_neurons_do_not_mix(self):
        genes = FeedForward(WidthConfig(ratio=(0.25, 1.0))).genes(anatomy())

        assert all(gene.name.startswith("ffn.") for gene in genes)

    @pytest.mark.parametrize(
        ("config", "message", "path"),
        [
            (
                WidthConfig(choices=(6, 13)),
                "13 heads, but the model has 12; use values from 1 to 12",
                ("choices", 1),
            ),
            (
                WidthConfig(choices=(12, 0)),
                "0 heads is not a positive number; use values from 1 to 12",
                ("choices", 1),
            ),
            (
                WidthConfig(choices=(12, 6, 6)),
                "6 heads is given twice; remove one",
                ("choices", 2),
            ),
            (
                WidthConfig(),
                "no heads to choose from; give counts such as [6, 12] or ratio such as [0.5, 1.0]",
                ("choices",),
            ),
            (
                WidthConfig(choices=(6, 8)),
                "the model has 12 heads, which must be the largest choice, because the "
                "super-network is the model itself; add 12",
                ("choices",),
            ),
            (
                WidthConfig(ratio=(0.5,)),
                "the model has 12 heads, which must be the largest choice, because the "
                "super-network is the model itself; add 1.0",
                ("ratio",),
            ),
            (
                WidthConfig(ratio=(1.0, 1.5)),
                "ratio 1.5 is no share; use values above 0 and up to 1",
                ("ratio", 1),
            ),
            (
                WidthConfig(ratio=(nan, 1.0)),
                "ratio nan is no share; use values above 0 and up to 1",
                ("ratio", 0),
            ),
            (
                WidthConfig(choices=(6,), ratio=(0.5, 1.0)),
                "ratio 0.5 means 6 heads, which is given already; remove one",
                ("ratio", 0),
            ),
        ],
    )
    def test_mistakes_say_what_and_where(self, config, message, path):
        error = error_of(Heads(config))

        assert (str(error), error.path) == (message, path)

    def test_layers_of_unlike_size_are_named(self):
        error = error_of(Heads(WidthConfig(choices=(6, 8))), anatomy(heads=(8, 6, 8)))

        assert str(error) == "8 heads, but heads.1 has 6; use values from 1 to 6"

    def test_one_choice_for_unlike_layers_is_refused(self):
        config = WidthConfig(ratio=(0.5, 1.0), per="model")

        error = error_of(Heads(config), anatomy(heads=(12, 8, 8)))

        assert error.path == ("per",)
        assert str(error) == (
            "one choice for the whole model, but heads.0 has 12 heads and heads.1 has 8; "
            "use per: layer"
        )

    def test_a_model_without_such_units_is_refused(self):
        bare = attrs.evolve(anatomy(), groups=())

        error = error_of(FeedForward(WidthConfig(ratio=(0.5, 1.0))), bare)

        assert str(error) == "a model of the family 'bert' has no FFN neurons to leave out"

    def test_divisor_below_one_is_refused(self):
        with pytest.raises(ValueError, match="divisor"):
            WidthConfig(divisor=0)


class TestNone:
    """0 neurons, where the model can do without."""

    def shape(self, fewest=0):
        groups = (
            attrs.evolve(g, minimum=fewest if g.kind == "ffn" else 1) for g in anatomy().groups
        )
        return attrs.evolve(anatomy(), groups=tuple(groups))

    @pytest.mark.parametrize("per", ["layer", "model"])
    @pytest.mark.parametrize(
        "settings", [{"choices": (0, 3072)}, {"ratio": (0.0, 1.0), "divisor": 64}]
    )
    def test_a_layer_may_have_no_neurons(self, settings, per):
        genes = FeedForward(WidthConfig(per=per, **settings)).genes(self.shape())

        assert {gene.choices for gene in genes} == {(0, 3072)}

    def test_a_small_share_is_not_none(self):
        genes = FeedForward(WidthConfig(ratio=(0.0, 0.0001, 1.0))).genes(self.shape())

        assert genes[0].choices == (0, 1, 3072)

    @pytest.mark.parametrize(
        ("dimension", "fewest", "message"),
        [
            (
                FeedForward(WidthConfig(choices=(0, 3072))),
                1,
                "0 FFN neurons is not a positive number; use values from 1 to 3072; 0 is for "
                "models without a norm inside of the FFN",
            ),
            (
                FeedForward(WidthConfig(ratio=(0.0, 1.0))),
                1,
                "ratio 0.0 is no share; use values above 0 and up to 1; 0 is for models without a "
                "norm inside of the FFN",
            ),
            (
                FeedForward(WidthConfig(choices=(-1, 3072))),
                0,
                "-1 FFN neurons is less than nothing; use values from 0 to 3072",
            ),
            (
                FeedForward(WidthConfig(ratio=(-0.5, 1.0))),
                0,
                "ratio -0.5 is no share; use values from 0 to 1",
            ),
            (
                Heads(WidthConfig(ratio=(0.0, 1.0))),
                0,
                "ratio 0.0 is no share; use values above 0 and up to 1",
            ),
        ],
    )
    def test_what_the_model_needs_cannot_go(self, dimension, fewest, message):
        assert str(error_of(dimension, self.shape(fewest))) == message


class TestEmbed:
    def shape(self):
        cut = Cut("embed.weight", 1)
        group = Group(name="embed", kind="embed", units=768, cuts=(cut,), outgoing=cut)
        return attrs.evolve(anatomy(), groups=(*anatomy().groups, group))

    def test_the_model_has_one_gene(self):
        (gene,) = Embed(EmbedConfig(ratio=(0.5, 0.7, 1.0), divisor=64)).genes(self.shape())

        assert (gene.name, gene.choices, gene.targets) == ("embed", (384, 512, 768), ("embed",))
        assert (gene.stack, gene.layer, gene.effect) == (None, None, "width")

    def test_mistakes_point_at_the_value(self):
        error = error_of(Embed(EmbedConfig(choices=(512, 1024))), self.shape())

        assert error.path == ("choices", 1)
        assert str(error) == "1024 channels, but the model has 768; use values from 1 to 768"

    def test_a_model_whose_adapter_says_nothing_of_it_is_refused(self):
        error = error_of(Embed(EmbedConfig(choices=(512, 768))))

        assert str(error) == (
            "the hidden size of a model of the family 'bert' cannot be elastic: its adapter does "
            "not say where it lies; leave embed out"
        )


class TestAutomatic:
    def test_evenly_spaced_ratios_stand_in(self):
        dimension = Heads(WidthConfig(auto=3, auto_range=(0.5, 0.9)))

        assert dimension.genes(anatomy())[0].choices == (6, 8, 11, 12)

    def test_ratios_that_mean_the_same_are_one(self):
        genes = Heads(WidthConfig(auto=20)).genes(anatomy(heads=(4, 4, 4)))

        assert genes[0].choices == (2, 3, 4)

    def test_what_is_to_be_found_is_told(self):
        wanted = FeedForward(WidthConfig(auto=4, auto_range=(0.3, 0.9), divisor=32)).automatic

        assert wanted == Automatic(configurations=4, low=0.3, high=0.9, divisor=32)
        assert FeedForward(WidthConfig(choices=(1, 2))).automatic is None
        assert Depth(DepthConfig(choices=(1, 2))).automatic is None

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"auto": 5, "choices": (6, 12)}, "finds the values itself; leave out choices"),
            ({"auto": 5, "ratio": (0.5, 1.0)}, "finds the values itself; leave out choices"),
            ({"auto": -1}, "'auto' must be >= 0: -1"),
            ({"auto_range": (0.9, 0.4)}, "the smaller one first"),
            ({"auto_range": (0.0, 1.0)}, "two shares of the full model's MACs"),
            ({"auto_range": (0.5, 1.5)}, "two shares of the full model's MACs"),
        ],
    )
    def test_settings_that_contradict_each_other_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            WidthConfig(**settings)


@given(
    full=st.integers(1, 5000),
    shares=st.lists(st.floats(0.01, 1.0), max_size=5),
    divisor=st.integers(1, 128),
)
def test_ratios_give_ascending_counts_near_the_share(full, shares, divisor):
    settings = Choices(counts=(full,), ratio=tuple(shares), noun="units", divisor=divisor)

    try:
        counts = settings.of(full)
    except SpaceError:
        reject()  # two shares that mean the same count; has its own test

    assert list(counts) == sorted(set(counts))
    assert 1 <= counts[0] <= counts[-1] == full
    for share, count in zip(sorted(shares), counts, strict=False):
        # Half a multiple away by rounding, a whole one where nothing smaller is left.
        assert abs(count - share * full) <= (divisor / 2 if count > divisor else divisor)


class TestDepth:
    def test_one_stack_gives_one_gene_called_depth(self):
        (gene,) = Depth(DepthConfig(choices=(3, 2))).genes(anatomy())

        assert (gene.name, gene.choices, gene.effect) == ("depth", (2, 3), "depth")
        assert gene.targets == ("layers",)

    def test_ratios_are_rounded_to_whole_layers(self):
        (gene,) = Depth(DepthConfig(ratio=(0.5, 1.0))).genes(anatomy())

        assert gene.choices == (ceil(1.5), 3)

    def test_several_stacks_get_a_gene_each(self):
        shape = attrs.evolve(
            anatomy(),
            stacks=(
                Stack(name="encoder", path="encoder.layers", layers=4),
                Stack(name="decoder", path="decoder.layers", layers=2),
            ),
        )

        genes = Depth(DepthConfig(ratio=(0.5, 1.0))).genes(shape)

        assert [(g.name, g.choices, g.targets) for g in genes] == [
            ("depth.encoder", (2, 4), ("encoder",)),
            ("depth.decoder", (1, 2), ("decoder",)),
        ]

    def test_too_many_layers_for_a_stack_name_the_stack(self):
        shape = attrs.evolve(
            anatomy(),
            stacks=tuple(Stack(name=n, path=n, layers=k) for n, k in (("a", 4), ("b", 2))),
        )

        error = error_of(Depth(DepthConfig(choices=(2, 4))), shape)

        assert str(error) == "4 layers, but stack 'b' has 2; use values from 1 to 2"

    def test_more_layers_than_the_model_has_are_refused(self):
        error = error_of(Depth(DepthConfig(choices=(3, 13))))

        assert str(error) == "13 layers, but the model has 3; use values from 1 to 3"
        assert error.path == ("choices", 1)

    def test_a_model_without_layers_is_refused(self):
        error = error_of(Depth(DepthConfig(choices=(1,))), attrs.evolve(anatomy(), stacks=()))

        assert str(error) == "a model of the family 'bert' has no layers to drop"

    def test_ratios_that_a_short_stack_cannot_tell_apart_are_one(self):
        shape = attrs.evolve(
            anatomy(),
            stacks=tuple(Stack(name=n, path=n, layers=k) for n, k in (("a", 8), ("b", 2))),
        )

        genes = Depth(DepthConfig(ratio=(0.6, 0.75, 1.0))).genes(shape)

        assert [gene.choices for gene in genes] == [(5, 6, 8), (1, 2)]

    def test_first_keeps_the_first_layers_and_measures_nothing(self):
        depth = Depth(DepthConfig(choices=(2, 4)))

        def damage(kept):
            raise AssertionError("the paper's rule needs no probe")

        assert not depth.needs_probe
        assert depth.priority(Stack(name="s", path="s", layers=4), damage) == (0, 1, 2, 3)


STAGES = attrs.evolve(
    anatomy(),
    stacks=tuple(
        Stack(name=f"layer{i}", path=f"layer{i}", layers=n, required=must)
        for i, (n, must) in enumerate([(3, (0,)), (4, (0,)), (6, (0, 3))], start=1)
    ),
)


def no_damage(kept):
    return 0.0


class TestStages:
    """Several stacks, some of whose layers must stay."""

    def test_a_stack_may_have_choices_of_its_own(self):
        config = DepthConfig(ratio=(0.5, 1.0), stacks={"layer1": (2, 3), "layer3": (3, 4, 6)})

        genes = Depth(config).genes(STAGES)

        assert [(g.name, g.choices) for g in genes] == [
            ("depth.layer1", (2, 3)),
            ("depth.layer2", (2, 4)),
            ("depth.layer3", (3, 4, 6)),
        ]

    def test_stacks_that_nothing_is_said_of_stay_whole(self):
        depth = Depth(DepthConfig(stacks={"layer2": (2, 4)}, drop="ranked"))

        assert [gene.name for gene in depth.genes(STAGES)] == ["depth.layer2"]
        assert depth.priority(STAGES.stacks[0], no_damage) == (0, 1, 2)

    def test_the_only_stack_of_a_model_has_a_name_too(self):
        (gene,) = Depth(DepthConfig(stacks={"layers": (2, 3)})).genes(anatomy())

        assert (gene.name, gene.choices) == ("depth", (2, 3))

    def test_ratios_leave_the_layers_that_must_stay(self):
        genes = Depth(DepthConfig(ratio=(0.1, 1.0))).genes(STAGES)

        assert [gene.choices for gene in genes] == [(1, 3), (1, 4), (2, 6)]

    @pytest.mark.parametrize(
        ("config", "message", "path"),
        [
            (
                DepthConfig(stacks={"layer4": (1, 2)}),
                "the model has no stack 'layer4'; it has 'layer1', 'layer2', 'layer3'",
                ("stacks", "layer4"),
            ),
            (
                DepthConfig(stacks={"layer1": (2, 5)}),
                "5 layers, but stack 'layer1' has 3; use values from 1 to 3",
                ("stacks", "layer1", 1),
            ),
            (
                DepthConfig(stacks={"layer3": (1, 6)}),
                "1 layers are too few, 2 of stack 'layer3' must stay; use values from 2 to 6",
                ("stacks", "layer3", 0),
            ),
            (
                DepthConfig(stacks={"layer1": (1, 2)}),
                "stack 'layer1' has 3 layers, which must be the largest choice, because the "
                "super-network is the model itself; add 3",
                ("stacks", "layer1"),
            ),
            (
                DepthConfig(stacks={"layer1": ()}),
                "no layers to choose from; give counts such as [1, 3] or ratio such as [0.5, 1.0]",
                ("stacks", "layer1"),
            ),
        ],
    )
    def test_mistakes_say_what_and_where(self, config, message, path):
        error = error_of(Depth(config), STAGES)

        assert (str(error), error.path) == (message, path)

    @given(
        layers=st.integers(1, 16),
        drop=st.sampled_from(["first", "every_other", "ranked"]),
        data=st.data(),
    )
    def test_layers_that_must_stay_are_dropped_by_no_rule(self, layers, drop, data):
        must = data.draw(st.sets(st.integers(0, layers - 1), max_size=layers))
        harm = data.draw(st.lists(st.floats(-9, 9), min_size=layers, max_size=layers))
        stack = Stack(name="s", path="s", layers=layers, required=tuple(must))
        depth = Depth(DepthConfig(choices=(stack.fewest, layers), drop=drop))
        if stack.fewest == layers:
            depth = Depth(DepthConfig(choices=(layers,), drop=drop))

        order = depth.priority(
            stack, lambda kept: sum(harm[k] for k in set(range(layers)) - {*kept})
        )

        assert set(order[: len(must)]) == must
        space = search_space(
            attrs.evolve(STAGES, stacks=(stack,)),
            depth.genes(attrs.evolve(STAGES, stacks=(stack,))),
            {"s": order},
        )
        assert must <= set(space.kept_layers(space.smallest)["s"])


class TestEveryOther:
    def order(self, layers, required=()):
        stack = Stack(name="s", path="s", layers=layers, required=required)
        return Depth(DepthConfig(choices=(1, layers), drop="every_other")).priority(
            stack, no_damage
        )

    def test_half_of_the_depth_keeps_every_other_layer(self):
        order = self.order(12)

        assert sorted(order[:6]) == [0, 2, 4, 6, 8, 10]
        assert sorted(order[:3]) == [0, 4, 8]
        assert not Depth(DepthConfig(choices=(1,), drop="every_other")).needs_probe

    def test_the_order_is_this_one(self):
        assert self.order(8) == (0, 4, 2, 6, 1, 5, 3, 7)

    @given(layers=st.integers(1, 64), data=st.data())
    def test_kept_layers_are_spread_evenly_at_each_depth(self, layers, data):
        kept_count = data.draw(st.integers(1, layers))

        order = self.order(layers)

        assert sorted(order) == list(range(layers))
        kept = sorted(order[:kept_count])
        gaps = {b - a for a, b in pairwise(kept)}
        step = max(gaps, default=1)
        assert gaps <= {step, step // 2}  # of two lengths at most, one twice the other
        assert step * kept_count < 2 * layers + step  # and none could be much shorter
        assert kept_count == 1 or layers - kept[-1] <= 2 * step
        if 2 * kept_count >= layers:
            assert step <= 2  # never two neighbours gone while one of each pair can stay

    @given(layers=st.integers(8, 64), share=st.floats(0.5, 1.0))
    def test_few_layers_go_from_all_parts_of_the_stack(self, layers, share):
        dropped = self.order(layers)[ceil(share * layers) :]

        low = sum(layer < layers / 2 for layer in dropped)
        assert abs(low - (len(dropped) - low)) <= 3

    def test_layers_that_must_stay_come_first(self):
        assert self.order(8, required=(5, 7)) == (5, 7, 0, 4, 2, 6, 1, 3)


class TestRankedDepth:
    def test_the_layer_missed_least_goes_first(self):
        harm = {0: 9.0, 1: 1.0, 2: 5.0, 3: 2.0}
        depth = Depth(DepthConfig(choices=(1, 4), drop="ranked"))

        order = depth.priority(
            Stack(name="s", path="s", layers=4),
            lambda kept: sum(h for layer, h in harm.items() if layer not in kept),
        )

        assert depth.needs_probe
        assert order == (0, 2, 3, 1)

    def test_it_is_greedy_and_looks_at_layers_together(self):
        # 1 and 2 do the same work: either may go, but not both; 0 may then go before the second.
        def damage(kept):
            return (0 if {1, 2} & set(kept) else 10) + (0 if 0 in kept else 3) + (3 not in kept) * 5

        order = Depth(DepthConfig(choices=(1, 4), drop="ranked")).priority(
            Stack(name="s", path="s", layers=4), damage
        )

        assert order == (1, 3, 0, 2)

    def test_of_equal_layers_the_last_goes_first(self):
        order = Depth(DepthConfig(choices=(1, 4), drop="ranked")).priority(
            Stack(name="s", path="s", layers=4), lambda kept: 0.0
        )

        assert order == (0, 1, 2, 3)

    def test_a_loss_that_is_no_number_never_wins(self):
        order = Depth(DepthConfig(choices=(2, 3), drop="ranked")).priority(
            Stack(name="s", path="s", layers=3), lambda kept: nan if 1 not in kept else 100.0
        )

        assert order[-1] == 2

    def test_layers_that_are_never_dropped_cost_no_probe(self):
        calls = []

        def damage(kept):
            calls.append(kept)
            return float(sum(kept))

        order = Depth(DepthConfig(choices=(4, 6), drop="ranked")).priority(
            Stack(name="s", path="s", layers=6), damage
        )

        assert len(calls) == 6 + 5
        assert order == (0, 1, 2, 3, 4, 5)

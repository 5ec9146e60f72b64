"""Settings of bits become genes that cover the model, and every mistake has its own message."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.cli.main import main
from instatune.errors import SpaceError
from instatune.space import Anatomy, Gene, SearchSpace
from instatune.space.members import members
from instatune.space.policy import module_of, policy_of, weighted
from instatune.supernet.build import search_space
from instatune.testing import fakes
from instatune.testing.fakes import TinySizes
from instatune_plugins.adapters import beit3_outline, bert_outline, llama_outline
from instatune_plugins.adapters.beit3_sizes import Beit3Sizes
from instatune_plugins.dimensions import BitsConfig
from instatune_plugins.dimensions.bits import Bits

BERT = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "tie_word_embeddings": True,
}
LAYER = "bert.encoder.layer.1"


def beit3() -> Anatomy:
    sizes = {"hidden": 16, "layers": 2, "heads": 4, "ffn": 24, "image": 32, "patch": 16}
    more = {"channels": 3, "vocabulary": 50, "positions": 12, "outputs": 3, "head": "vqa"}
    return beit3_outline.anatomy_of(Beit3Sizes(**sizes, **more, eps=1e-5))


MODELS = {
    "tiny": fakes.anatomy(),
    "bert": bert_outline.anatomy_of(BERT, 2),
    "mpnet": bert_outline.anatomy_of({**BERT, "model_type": "mpnet"}, 2),
    "llama": llama_outline.anatomy_of(LLAMA),
    "beit3": beit3(),
}
ANATOMY = MODELS["bert"]
PER = ("linear", "block", "layer", "model")


def genes(anatomy: Anatomy = ANATOMY, **settings) -> dict[str, Gene]:
    return {gene.name: gene for gene in Bits(BitsConfig(**settings)).genes(anatomy)}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("per", PER)
def test_each_module_belongs_to_one_gene(model, per):
    anatomy = MODELS[model]

    found = Bits(BitsConfig(per=per)).genes(anatomy)

    targets = Counter(target for gene in found for target in gene.targets)
    assert targets == Counter(weighted(anatomy))
    assert search_space(anatomy, found).size == 2 ** len(found)


@pytest.mark.parametrize("model", MODELS)
def test_what_shares_a_choice_shares_a_layer(model):
    anatomy = MODELS[model]
    for per in ("linear", "block", "layer"):
        for gene in Bits(BitsConfig(per=per)).genes(anatomy):
            homes = {anatomy.stack_of(target) for target in gene.targets}
            assert homes == {(gene.stack, gene.layer) if gene.stack else None}


def test_linear_maps_have_a_gene_each():
    found = genes()

    assert list(found)[:2] == [
        "bits.embeddings",
        "bits.bert.encoder.layer.0.attention.self.query",
    ]
    gene = found[f"bits.{LAYER}.attention.self.query"]
    assert gene.targets == (f"{LAYER}.attention.self.query",)
    assert (gene.choices, gene.effect, gene.stack, gene.layer) == ((8, 32), "bits", "layers", 1)
    assert (found["bits.classifier"].stack, found["bits.classifier"].layer) == (None, None)
    assert len(found) == 1 + 2 * 6 + 2


def test_blocks_are_attention_and_ffn():
    found = genes(per="block")

    assert list(found)[1:3] == [
        f"bits.bert.encoder.layer.0.{part}" for part in ("attention", "ffn")
    ]
    assert found[f"bits.{LAYER}.ffn"].targets == (
        f"{LAYER}.intermediate.dense",
        f"{LAYER}.output.dense",
    )
    assert len(found[f"bits.{LAYER}.attention"].targets) == 4
    assert found[f"bits.{LAYER}.attention"].layer == 1
    assert {"bits.bert.pooler.dense", "bits.classifier"} <= found.keys()


@pytest.mark.parametrize("model", ["llama", "beit3", "mpnet"])
def test_blocks_are_told_by_their_units_in_any_family(model):
    anatomy = MODELS[model]

    found = genes(anatomy, per="block")

    layers = [gene for gene in found.values() if gene.layer == 1]
    assert sorted(gene.name.rpartition(".")[2] for gene in layers) == ["attention", "ffn"]


def test_a_map_that_no_units_lie_in_belongs_with_its_parent():
    more = {f"layers.1.adapter.{name}.weight": (16, 16) for name in ("down", "up")}
    anatomy = fakes.anatomy()
    work = (*anatomy.work, *(attrs.evolve(anatomy.work[0], weight=name) for name in more))
    anatomy = attrs.evolve(anatomy, shapes={**anatomy.shapes, **more}, work=work)

    found = genes(anatomy, per="block")

    assert found["bits.layers.1.adapter"].targets == tuple(map(module_of, more))


def test_a_layer_and_a_model_have_one_gene():
    assert len(genes(per="layer")[f"bits.{LAYER}"].targets) == 6
    assert list(genes(per="layer")) == [
        "bits.embeddings",
        "bits.bert.encoder.layer.0",
        f"bits.{LAYER}",
        "bits.bert.pooler.dense",
        "bits.classifier",
    ]
    found = genes(per="model")
    assert list(found) == ["bits.embeddings", "bits"]
    assert (len(found["bits"].targets), found["bits"].stack) == (14, None)


def test_all_tables_share_a_gene_of_their_own():
    gene = genes(choices=(4, 32), embeddings=(16, 8, 32))["bits.embeddings"]

    assert gene.choices == (8, 16, 32)
    assert gene.targets == tuple(
        f"bert.embeddings.{name}_embeddings" for name in ("word", "position", "token_type")
    )


@pytest.mark.parametrize("embeddings", [(), (32,)])
def test_tables_may_be_left_alone(embeddings):
    assert "bits.embeddings" not in genes(embeddings=embeddings)


def test_tables_may_be_all_that_has_a_choice():
    assert list(genes(choices=(32,))) == ["bits.embeddings"]


def test_a_model_without_tables_has_no_gene_for_them():
    assert "bits.embeddings" not in genes(attrs.evolve(ANATOMY, embeddings=()))


def test_a_tied_table_follows_the_choice_of_tables():
    found = genes(MODELS["llama"])

    assert found["bits.embeddings"].targets == ("model.embed_tokens",)
    assert "bits.model.embed_tokens" not in found


@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(PER),
    st.data(),
)
@settings(max_examples=40, derandomize=True)
def test_what_is_skipped_is_in_no_gene_and_all_else_is(model, per, data):
    anatomy = MODELS[model]
    names = weighted(anatomy)
    skip = data.draw(st.lists(st.sampled_from(names), max_size=len(names) - 1, unique=True))

    found = Bits(BitsConfig(per=per, skip=tuple(skip))).genes(anatomy)

    left = sorted(set(names) - set(skip))
    assert sorted(target for gene in found for target in gene.targets) == left


def test_patterns_skip_many():
    found = genes(skip=("bert.encoder.layer.0.*", "*_embeddings", "classifier"))

    assert "bits.embeddings" not in found
    assert "bits.classifier" not in found
    assert {gene.layer for gene in found.values()} == {1, None}


@pytest.mark.parametrize(
    ("config", "message", "path"),
    [
        ({"choices": ()}, "no bits to choose from; give values such as [8, 32]", ("choices",)),
        (
            {"choices": (8, 33, 32)},
            "33 bits are not possible; use values from 2 to 32",
            ("choices", 1),
        ),
        (
            {"embeddings": (1, 32)},
            "1 bits are not possible; use values from 2 to 32",
            ("embeddings", 0),
        ),
        ({"choices": (8, 32, 8)}, "8 bits are given twice; remove one", ("choices", 2)),
        (
            {"embeddings": (8,)},
            "the model has 32 bits, which must be the largest choice, because the super-network "
            "is the model itself; add 32",
            ("embeddings",),
        ),
        (
            {"skip": ("classifier", "pooler.dense")},
            "no module with bits to choose is called 'pooler.dense'; use names such as "
            "'bert.pooler.dense', or patterns with '*'",
            ("skip", 1),
        ),
        (
            {"choices": (32,), "embeddings": (32,)},
            "no module has bits to choose from; give values such as [8, 32] and skip less",
            ("choices",),
        ),
        (
            {"skip": ("*",)},
            "no module has bits to choose from; give values such as [8, 32] and skip less",
            ("choices",),
        ),
    ],
)
def test_mistakes_say_what_and_where(config, message, path):
    with pytest.raises(SpaceError) as caught:
        genes(**config)

    assert (str(caught.value), caught.value.path) == (message, path)


@st.composite
def small_spaces(draw) -> tuple[Anatomy, SearchSpace]:
    """Two layers with depth, heads and bits of any kind, and any order of layers."""
    anatomy = fakes.anatomy(TinySizes(layers=2))
    per = draw(st.sampled_from(["block", "layer", "model"]))
    choices = draw(st.sampled_from([(8, 32), (8, 16, 32)]))
    config = BitsConfig(
        choices=choices, per=per, embeddings=draw(st.sampled_from([(32,), (4, 32)]))
    )
    made = [*Bits(config).genes(anatomy)]
    made.append(Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",)))
    heads = [g for g in fakes.space(TinySizes(layers=2)).genes if g.name.startswith("heads")]
    made += heads[: draw(st.integers(0, 2))]
    order = tuple(draw(st.permutations(range(2))))
    return anatomy, search_space(anatomy, made, {"layers": order})


@given(small_spaces())
@settings(max_examples=20, derandomize=True)
def test_a_space_with_bits_counts_lists_and_tells_apart_its_networks(case):
    anatomy, space = case
    spellings = np.array(list(itertools.product(*(range(n) for n in space.cardinalities))))

    networks = space.decode(spellings)

    assert space.size == len(set(networks)) == len(members(space))
    assert len({tuple(row) for row in space.features(spellings)}) == space.size
    assert np.array_equal(space.encode(networks), space.canonical(spellings))
    # Networks that differ differ in what is kept or in the bits of what is kept.
    meanings = {
        (
            space.kept_layers(a)["layers"],
            tuple(space.kept_units(a).items()),
            tuple(sorted(policy_of(space, anatomy, a).items())),
        )
        for a in set(networks)
    }
    assert len(meanings) == space.size


def test_bits_of_dropped_layers_mean_nothing():
    depth = Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))
    space = search_space(ANATOMY, [depth, *genes(embeddings=(32,)).values()], {"layers": (1, 0)})
    dropped = {f"bits.bert.encoder.layer.0.{name}": 8 for name in ("output.dense",)}

    one = space.architecture({"depth": 1, **dropped, f"bits.{LAYER}.output.dense": 8})

    assert one == space.architecture({"depth": 1, f"bits.{LAYER}.output.dense": 8})
    assert policy_of(space, ANATOMY, one) == {"bert.encoder.layer.0.output.dense": 8}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[8, 32]", "small.yaml: OK"),
        (
            "{choices: [8, 32], per: block, embeddings: [32], skip: ['*.pooler.*']}",
            "small.yaml: OK",
        ),
        ("[8, 16]", "small.yaml:6: space.bits: the model has 32 bits"),
        ("{choices: [8, 40, 32]}", "space.bits.choices[1]: 40 bits are not possible"),
        ("{skip: [pooler]}", "space.bits.skip[0]: no module with bits to choose is called"),
        ("{per: head}", "space.bits.per: unknown value 'head'"),
    ],
)
def test_a_spec_is_checked_against_the_model(written, text, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(BERT))
    spec = tmp_path / "small.yaml"
    lines = (
        "spec: 1",
        "name: small",
        f"model: {{adapter: bert, checkpoint: '{tmp_path}'}}",
        "task: python_docs",
        "quantizer: int8",
        f"space: {{depth: [1, 2], bits: {written}}}",
        "search: {strategy: random}",
        "objectives: [accuracy, model_size, roofline]",
    )
    spec.write_text("\n".join(lines))

    code = main(["check", str(spec)])

    said = capsys.readouterr()
    assert text in said.out + said.err
    assert code == (0 if "OK" in text else 2)

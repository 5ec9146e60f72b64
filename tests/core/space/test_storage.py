"""Bytes on disk against files that are really written, and against sums over tensors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import ceil

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification

from instatune.space import Anatomy, Buffer, Gene, SearchSpace, counting
from instatune.space.policy import module_of, policy_of, weighted
from instatune.space.storage import Storage
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes, tiny
from instatune_plugins.adapters.bert_outline import anatomy_of
from instatune_plugins.adapters.llama_outline import anatomy_of as decoder_of
from instatune_plugins.dimensions import BitsConfig
from instatune_plugins.dimensions.bits import Bits
from instatune_plugins.quantizers import Int8Config
from instatune_plugins.quantizers.int8 import Int8

MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}


def with_bits(anatomy: Anatomy, widths: Mapping[str, tuple[int, ...]], **config) -> SearchSpace:
    """Any depth, widths by kind of group, and bits."""
    (stack,) = anatomy.stacks
    depths = tuple(range(1, stack.layers + 1))
    genes = [Gene(name="depth", choices=depths, effect="depth", targets=(stack.name,))]
    genes += [
        Gene(
            name=group.name,
            choices=widths[group.kind],
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind in widths
    ]
    return search_space(anatomy, [*genes, *Bits(BitsConfig(**config)).genes(anatomy)])


def quantized(
    tensors: Mapping[str, Tensor], policy: Mapping[str, int], tables: set[str]
) -> dict[str, Tensor]:
    """What is saved, written down once more without any polynomial."""
    saved = dict(tensors)
    for module, bits in policy.items():
        name = f"{module}.weight"
        weight = saved.pop(name)
        if bits >= 16 or not weight.numel():
            saved[name] = weight.to(torch.bfloat16 if bits == 16 and weight.numel() else None)
            continue
        if bits == 4:
            columns = weight.flatten(1).shape[1]
            saved[name] = torch.zeros(len(weight), ceil(columns / 2), dtype=torch.uint8)
            groups = (ceil(columns / 64),) if module in tables else ()
            saved[f"{name}_scale"] = torch.zeros(len(weight), *groups)
        else:
            saved[name] = torch.zeros(weight.shape, dtype=torch.int8)
            saved[f"{name}_scale"] = torch.zeros(len(weight))
        if module not in tables:
            saved[f"{module}.input_scale"] = torch.zeros(())
            saved[f"{module}.input_zero_point"] = torch.zeros((), dtype=torch.int32)
    return saved


def state_of(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="module")
def network() -> Supernet:
    anatomy = attrs.evolve(fakes.anatomy())
    widths, bits = {"heads": (2, 4), "ffn": (8, 13, 32)}, (4, 8, 16, 32)
    space = with_bits(anatomy, widths, choices=bits, embeddings=bits)
    return Supernet(tiny.model(), anatomy, space, tiny.TinyAdapter().logits)


def drawn(space: SearchSpace, count: int, seed: int = 0):
    rows = space.sample(np.random.default_rng(seed), count)
    ends = space.encode([space.largest, space.smallest])
    return np.concatenate([ends, rows])


def test_bytes_are_those_of_the_tensors_of_extracted_networks(network, tmp_path):
    space, anatomy = network.space, network.anatomy
    storage, tables = Storage(anatomy), set(map(module_of, anatomy.embeddings))
    rows = drawn(space, 20)

    counted, sizes = storage.tensors(space, rows), storage.file(space, rows)

    for architecture, count, size in zip(space.decode(rows), counted, sizes, strict=True):
        tensors = state_of(network.extract(architecture))
        saved = quantized(tensors, policy_of(space, anatomy, architecture), tables)
        save_file(saved, tmp_path / "model.safetensors", metadata={"format": "pt"})
        assert count == sum(tensor.nbytes for tensor in saved.values())
        # Most of so small a file is the header, where offsets have fewer digits than estimated.
        assert size == pytest.approx((tmp_path / "model.safetensors").stat().st_size, rel=0.02)


@pytest.mark.parametrize(
    "bits",
    [
        {},
        {"choices": (8, 16, 32)},
        {"choices": (16, 32)},
        {"choices": (4, 8, 32), "embeddings": (4, 32)},
    ],
)
def test_the_file_of_a_small_sentence_encoder_is_met_within_one_per_cent(bits, tmp_path):
    anatomy = anatomy_of(MINILM, 2)
    space = with_bits(anatomy, {}, **bits)
    tables = set(map(module_of, anatomy.embeddings))
    whole = {name: torch.zeros(shape) for name, shape in anatomy.shapes.items()}
    (mixed,) = space.decode(space.sample(np.random.default_rng(0), 1))
    low = {gene.name: gene.choices[0] for gene in space.genes if gene.effect == "bits"}

    for architecture in (space.architecture(low), mixed):
        kept = space.kept_layers(architecture)["layers"]
        tensors = {
            name: tensor
            for name, tensor in whole.items()
            if (anatomy.stack_of(name) or ("", kept[0]))[1] in kept
        }
        saved = quantized(tensors, space.kept_bits(architecture), tables)
        save_file(saved, tmp_path / "model.safetensors", metadata={"format": "pt"})
        (counted,) = Storage(anatomy).file(space, space.encode([architecture]))
        assert counted == pytest.approx((tmp_path / "model.safetensors").stat().st_size, rel=0.003)


def test_bert_base_has_the_sizes_that_are_published():
    anatomy = anatomy_of({}, 2)
    space = with_bits(anatomy, {})
    low = {gene.name: 8 for gene in space.genes if gene.effect == "bits"}
    maps = {name: 8 for name in low if name != "bits.embeddings"}

    rows = space.encode([space.architecture(values) for values in ({}, maps, low)])

    # 437.9 MB in float32; 2.4 and 4.0 times less without and with look-up tables.
    found = Storage(anatomy).tensors(space, rows) / 1e6
    assert found == pytest.approx([437.94, 181.7, 110.3], abs=0.1)


def test_in_full_precision_it_is_four_bytes_a_parameter(network):
    space = fakes.space()
    rows = drawn(space, 10)

    bytes_ = Storage(network.anatomy).tensors(space, rows)

    parameters = space.count(counting.parameters(network.anatomy), rows)
    assert bytes_.tolist() == (4 * parameters).tolist()


@given(st.integers(2, 31), st.integers(0, 2**31))
@settings(max_examples=8, derandomize=True)
def test_fewer_bits_are_never_more_bytes_of_large_weights(bits, seed):
    anatomy = anatomy_of(MINILM, 2)
    space = with_bits(anatomy, {}, choices=(bits, 32), embeddings=(bits, 32), skip=("classifier",))
    rows = drawn(space, 1, seed)[2:]
    storage = Storage(anatomy)

    for column, gene in enumerate(space.genes):
        if gene.effect == "bits" and space.active(rows)[0, column]:
            high, low = rows.copy(), rows.copy()
            high[:, column], low[:, column] = 1, 0
            assert storage.file(space, low) < storage.file(space, high)


@pytest.mark.parametrize("lowest", [4, 8, 16])
def test_what_the_quantizer_writes_is_met(lowest, tmp_path):
    sizes = {"hidden_size": 196, "num_attention_heads": 4, "num_hidden_layers": 2}
    sizes |= {"intermediate_size": 395, "vocab_size": 1201, "num_labels": 2}
    model, anatomy = BertForSequenceClassification(BertConfig(**sizes)), anatomy_of(sizes, 2)
    space = with_bits(anatomy, {}, choices=(lowest, 32), embeddings=(lowest, 32), skip=())
    low = space.architecture({g.name: lowest for g in space.genes if g.effect == "bits"})
    (mixed,) = space.decode(space.sample(np.random.default_rng(3), 1))

    for architecture in (low, space.architecture({**mixed.as_dict(), "depth": 2})):
        policy = policy_of(space, anatomy, architecture)
        small = Int8(Int8Config()).quantize(model, policy, dict.fromkeys(policy, (-1.0, 1.0)))
        saved = state_of(small)
        save_file(saved, tmp_path / "model.safetensors", metadata={"format": "pt"})

        row = space.encode([architecture])
        (counted,), (size,) = (
            Storage(anatomy).tensors(space, row),
            Storage(anatomy).file(space, row),
        )

        assert counted == sum(tensor.nbytes for tensor in saved.values())
        assert size == pytest.approx((tmp_path / "model.safetensors").stat().st_size, rel=0.01)


def test_four_bits_are_half_a_byte():
    anatomy = anatomy_of(MINILM, 2)
    pooler = "bert.pooler.dense"
    gene = Gene(name="b", choices=(4, 8, 32), effect="bits", targets=(pooler,))
    space = search_space(anatomy, [gene])

    four, eight, full = Storage(anatomy).tensors(space, np.array([[0], [1], [2]]))

    assert eight - four == 384 * 384 / 2
    assert full - eight == 3 * 384 * 384 - 4 * 384 - 8


def test_a_map_without_any_weight_has_no_scales():
    anatomy = fakes.anatomy()
    groups = [attrs.evolve(g, minimum=0) if g.kind == "ffn" else g for g in anatomy.groups]
    anatomy = attrs.evolve(anatomy, groups=tuple(groups))
    space = with_bits(anatomy, {"ffn": (0, 32)}, per="block")
    none = {gene.name: 0 for gene in space.genes if gene.name.startswith("ffn")}
    low = none | {gene.name: 8 for gene in space.genes if gene.name.endswith(".ffn")}

    rows = space.encode([space.architecture(none), space.architecture(low)])

    for count in (Storage(anatomy).tensors, Storage(anatomy).file):
        first, second = count(space, rows)
        assert first == second


def test_a_tied_table_is_counted_once():
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 999}
    sizes = {**config, "intermediate_size": 96, "num_hidden_layers": 2, "tie_word_embeddings": True}
    anatomy = decoder_of(sizes)
    space = with_bits(anatomy, {})
    low = space.architecture({"bits.embeddings": 8})

    full, small = Storage(anatomy).tensors(space, space.encode([space.largest, low]))

    assert full == 4 * sum(int(np.prod(shape)) for shape in anatomy.shapes.values())
    # The head multiplies activations, so the table has their range.
    assert full - small == 3 * 999 * 64 - 4 * 999 - 8


def test_buffers_are_saved_too_and_keep_their_precision():
    anatomy = fakes.anatomy()
    buffers = {"steps": Buffer((), 8), "layers.1.mean": Buffer((16,))}
    more = attrs.evolve(anatomy, buffers=buffers)
    space = fakes.space_with_bits()
    rows = drawn(space, 30)

    extra = Storage(more).tensors(space, rows) - Storage(anatomy).tensors(space, rows)

    assert extra.tolist() == (8 + 64 * space.kept(rows, ("layers", 1))).tolist()


def test_a_population_is_counted_as_each_network_alone():
    space, storage = fakes.space_with_bits(), Storage(fakes.anatomy())
    rows = drawn(space, 40)

    together = storage.file(space, rows)

    assert together.tolist() == [storage.file(space, row[None])[0] for row in rows]
    assert together.tolist() == storage.file(space, space.canonical(rows)).tolist()


def test_twenty_thousand_networks_of_a_hundred_modules_take_no_second():
    anatomy = anatomy_of({}, 2)
    space = with_bits(anatomy, {"heads": (6, 12), "ffn": (1024, 3072)})
    rows = space.sample(np.random.default_rng(0), 20_000)
    storage = Storage(anatomy)
    assert len(weighted(anatomy)) == 77

    begin = time.process_time()
    storage.file(space, rows)

    assert time.process_time() - begin < 1.0

"""Counts against independent counters that run or trace the real small module."""

from __future__ import annotations

import logging
from math import prod

import attrs
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from instatune.space import Anatomy, Cut, Gene, Group, SearchSpace, Work
from instatune.space.counting import macs, parameters
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert

BASE = {"heads": (2, 6, 8, 12), "ffn": (512, 1024, 2048, 3072)}


def space_of(anatomy: Anatomy, priority: tuple[int, ...]) -> SearchSpace:
    genes = [
        Gene(
            name=group.name,
            choices=BASE[group.kind],
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind in BASE
    ]
    depths = tuple(range(2, anatomy.stacks[0].layers + 1))
    genes.append(Gene(name="depth", choices=depths, effect="depth", targets=("layers",)))
    return search_space(anatomy, genes, {"layers": priority})


@pytest.fixture(scope="module")
def base() -> Supernet:
    """BERT-base, without memory behind its weights."""
    from transformers import BertConfig, BertForSequenceClassification

    with torch.device("meta"):
        model = BertForSequenceClassification(BertConfig(attn_implementation="sdpa")).eval()
    adapter = Bert()
    anatomy = adapter.describe(model)
    priority = tuple(np.random.default_rng(0).permutation(12).tolist())
    return Supernet(model, anatomy, space_of(anatomy, priority), adapter.logits)


def architectures(net: Supernet, count: int):
    rows = net.space.sample(np.random.default_rng(1), count)
    return [net.space.largest, net.space.smallest, *net.space.decode(rows)]


def flop_counter_macs(net: Supernet, tokens: int) -> int:
    ids = torch.ones(1, tokens, dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.logits({"input_ids": ids})
    total = counter.get_total_flops()
    assert total % 2 == 0
    return total // 2


def fvcore_macs(model: nn.Module, tokens: int) -> float:
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import get_shape

    def sdpa(inputs, outputs):
        q, k, v = (get_shape(tensor) for tensor in inputs[:3])
        return float(prod(q[:-2]) * q[-2] * k[-2] * (q[-1] + v[-1]))

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    ids = torch.ones(1, tokens, dtype=torch.long, device=next(model.parameters()).device)
    analysis = FlopCountAnalysis(model, ids)
    analysis.set_op_handle("aten::scaled_dot_product_attention", sdpa)
    analysis.set_op_handle("aten::layer_norm", lambda inputs, outputs: 0.0)
    analysis.tracer_warnings("none").unsupported_ops_warnings(False)
    return analysis.total()


def test_bert_base_costs_11_17_gmacs_at_128_tokens(base):
    units, kept = base.space.kept_units(base.space.largest), {"layers": tuple(range(12))}

    count = macs(base.anatomy, 128).at(units, kept)

    layers = 12 * (4 * 768**2 * 128 + 2 * 128**2 * 768 + 2 * 768 * 3072 * 128)
    assert count == layers + 768**2 + 2 * 768
    assert count / 1e9 == pytest.approx(11.17, rel=1e-3)
    assert macs(base.anatomy) == macs(base.anatomy, 128)


@pytest.mark.parametrize("tokens", [128, 37])
def test_macs_equal_torchs_flop_counter_for_random_architectures(base, tokens):
    polynomial = macs(base.anatomy, tokens)

    for architecture in architectures(base, 10):
        with base.active(architecture):
            measured = flop_counter_macs(base, tokens)
        exact = polynomial.at(
            base.space.kept_units(architecture), base.space.kept_layers(architecture)
        )
        assert exact == measured


@pytest.mark.filterwarnings("ignore::FutureWarning")  # fvcore imports torch.jit
@pytest.mark.parametrize(("network", "tokens", "count"), [("base", 128, 3), ("tiny", 16, 10)])
def test_macs_agree_with_fvcore_on_extracted_networks(network, tokens, count, request):
    net = request.getfixturevalue(network)
    polynomial = macs(net.anatomy, tokens)

    for architecture in architectures(net, count):
        traced = fvcore_macs(net.extract(architecture), tokens)
        exact = polynomial.at(
            net.space.kept_units(architecture), net.space.kept_layers(architecture)
        )
        assert exact == traced


@pytest.fixture(scope="module")
def tiny() -> Supernet:
    """Four wide layers of real weights, quick to trace."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=30,
        hidden_size=96,
        num_hidden_layers=4,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=32,
        attn_implementation="sdpa",
    )
    adapter, model = Bert(), BertForSequenceClassification(config).eval()
    anatomy = adapter.describe(model)
    return Supernet(model, anatomy, space_of(anatomy, (3, 0, 2, 1)), adapter.logits)


def test_parameters_equal_those_of_extracted_networks(tiny):
    for architecture in architectures(tiny, 12):
        small = tiny.extract(architecture)
        exact = parameters(tiny.anatomy).at(
            tiny.space.kept_units(architecture), tiny.space.kept_layers(architecture)
        )
        assert exact == sum(parameter.numel() for parameter in small.parameters())


def test_populations_are_counted_as_exactly_as_single_networks(base):
    rows = base.space.sample(np.random.default_rng(2), 50)

    for polynomial in (macs(base.anatomy), parameters(base.anatomy)):
        single = [
            polynomial.at(base.space.kept_units(a), base.space.kept_layers(a))
            for a in base.space.decode(rows)
        ]
        assert base.space.count(polynomial, rows).tolist() == single


def test_a_tensor_with_two_cuts_is_counted_with_both():
    conv = Cut("conv.weight", 1), Cut("conv.weight", 0, 2, 3)
    groups = tuple(
        Group(name=name, kind="channels", units=units, cuts=(cut,), outgoing=cut)
        for name, units, cut in (("inside", 4, conv[0]), ("outside", 5, conv[1]))
    )
    anatomy = Anatomy(
        family="toy",
        stacks=(),
        groups=groups,
        shapes={"conv.weight": (30, 4, 7), "scale": ()},
        work=(Work("conv.weight", positions=10, tokens_power=0),),
        tokens=3,
    )

    for inside, outside in ((4, 5), (1, 5), (3, 2)):
        units = {"inside": inside, "outside": outside}
        elements = 6 * outside * inside * 7
        assert parameters(anatomy).at(units, {}) == elements + 1
        assert macs(anatomy).at(units, {}) == 10 * elements
    per_token = attrs.evolve(anatomy, work=(Work("conv.weight", positions=2, tokens_power=2),))
    assert macs(per_token, 5).at({"inside": 4, "outside": 5}, {}) == 2 * 25 * 30 * 4 * 7

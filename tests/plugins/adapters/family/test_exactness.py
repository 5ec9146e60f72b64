"""Each form of a network of each family is the same function and costs what was counted."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Network
from instatune.plugin.manager import discover
from instatune.space.counting import macs, parameters
from instatune.supernet import permute, subnet
from instatune_plugins.adapters.bert import Bert

COUNT = 50


def architectures(net, count=COUNT):
    rows = net.space.sample(np.random.default_rng(1), count)
    return list(dict.fromkeys([net.space.largest, net.space.smallest, *net.space.decode(rows)]))


def network(net, architecture) -> Network:
    return Network(
        model=net.extract(architecture),
        architecture=architecture,
        adapter=Bert(),
        adapter_name="bert@instatune",
        anatomy=net.anatomy,
        kept_units=net.space.kept_units(architecture),
        kept_layers=net.space.kept_layers(architecture),
        processor=None,
        labels=("a", "b", "c"),
        facts={},
    )


def test_slice_mask_extracted_and_reloaded_network_agree(net, batch, tmp_path):
    plugins = discover(only=("instatune",))
    for architecture in architectures(net):
        small = network(net, architecture)
        subnet.save(small, tmp_path)
        reloaded = subnet.load(tmp_path, plugins)
        with torch.inference_mode():
            with net.active(architecture):
                sliced = net.logits(batch)
            with net.masked(architecture):
                masked = net.logits(batch)
            forms = masked, net.forward(small.model, batch), net.forward(reloaded, batch)

        assert sliced.std() > 0.01
        for form in forms:
            assert (form - sliced).abs().max() <= 1e-5 * max(1.0, float(sliced.abs().max()))


def test_no_two_networks_are_the_same_function(net, batch):
    with torch.inference_mode():
        seen = []
        for architecture in architectures(net, 12):
            with net.active(architecture):
                seen.append(net.logits(batch))

    for index, logits in enumerate(seen):
        assert all((logits - other).abs().max() > 1e-3 for other in seen[:index])


def test_counts_are_those_of_the_extracted_network(net):
    tokens = 9
    work, size = macs(net.anatomy, tokens), parameters(net.anatomy)
    inputs = {"input_ids": torch.full((1, tokens), 7)}
    for architecture in architectures(net, 10):
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with (
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
        ):
            net.forward(small, inputs)

        assert work.at(*kept) * 2 == counter.get_total_flops()
        assert size.at(*kept) == sum(parameter.numel() for parameter in small.parameters())


def test_populations_are_counted_like_single_networks(net):
    rows = net.space.sample(np.random.default_rng(2), COUNT)

    for polynomial in (macs(net.anatomy), parameters(net.anatomy)):
        single = [
            polynomial.at(net.space.kept_units(a), net.space.kept_layers(a))
            for a in net.space.decode(rows)
        ]
        assert net.space.count(polynomial, rows).tolist() == single


def test_permuting_units_preserves_the_function(net, batch):
    generator = torch.Generator().manual_seed(3)
    order = {g.name: torch.randperm(g.units, generator=generator) for g in net.anatomy.groups}
    with torch.inference_mode():
        before = net.logits(batch)
        permute.apply(net.model, net.anatomy, order)
        after = net.logits(batch)

    assert (after - before).abs().max() <= 1e-5 * max(1.0, float(before.abs().max()))


def test_gradients_of_the_slice_are_those_of_the_extracted_network(net, batch):
    architecture = architectures(net, 3)[-1]
    small = net.extract(architecture)

    with net.active(architecture):
        logits = net.logits(batch)
    logits.square().sum().backward()
    net.forward(small, batch).square().sum().backward()

    total = sum(float(p.grad.square().sum()) for p in net.model.parameters() if p.grad is not None)
    want = sum(float(p.grad.square().sum()) for p in small.parameters() if p.grad is not None)
    assert total == pytest.approx(want, rel=1e-4)
    assert want > 0


def test_heads_of_all_layers_are_one_choice_where_they_share_position_biases(net, model_type):
    groups = {group.name: group for group in net.anatomy.of_kind("heads")}

    if model_type == "mpnet":
        assert list(groups) == ["heads"]
        assert len(groups["heads"].readers) == 3
        assert attrs.asdict(groups["heads"])["layer"] is None
    else:
        assert list(groups) == ["heads.0", "heads.1", "heads.2"]

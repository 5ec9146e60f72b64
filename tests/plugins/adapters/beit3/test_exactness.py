"""Slice = extracted = reloaded for both heads, and counts that are torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Network
from instatune.space import Gene, counting
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.subnet import load, save
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.beit3 import Beit3Adapter

ARCHITECTURES = 50
RELOADED = 5  # reading and writing files is the slow part
HEADS = ("vqa", "image_classification")


@pytest.fixture(params=HEADS)
def net(request, beit3) -> Supernet:
    adapter = Beit3Adapter()
    model = beit3.make(request.param)
    anatomy = adapter.describe(model)
    genes = [Gene(name="depth", choices=(1, 2), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(range(1, group.units + 1)),
            effect="width",
            targets=(group.name,),
            stack="layers",
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    return Supernet(
        model, anatomy, search_space(anatomy, genes, {"layers": (1, 0)}), adapter.logits
    )


@pytest.fixture
def batch(net, beit3):
    return beit3.batch(text=net.model.sizes.text)


def architectures(net):
    rows = net.space.sample(np.random.default_rng(0), ARCHITECTURES)
    return [net.space.largest, net.space.smallest, *net.space.decode(rows)]


@torch.no_grad()
def test_slices_copies_and_files_compute_the_same(net, batch, tmp_path):
    for index, architecture in enumerate(architectures(net)):
        with net.active(architecture):
            expected = net.logits(batch)
        small = net.extract(architecture)
        found = {"extracted": net.forward(small, batch)}
        if index < RELOADED:
            network = Network(
                model=small,
                architecture=architecture,
                adapter=Beit3Adapter(),
                adapter_name="beit3@instatune",
                anatomy=net.anatomy,
                kept_units=net.space.kept_units(architecture),
                kept_layers=net.space.kept_layers(architecture),
                processor=None,
                labels=("a", "b", "c"),
                facts={},
            )
            save(network, tmp_path / architecture.key)
            reloaded = load(tmp_path / architecture.key)
            found["reloaded"] = net.forward(reloaded, batch)
            assert reloaded.labels == ("a", "b", "c")

        assert expected.shape == (3, 3)
        for form, logits in found.items():
            assert (logits - expected).abs().max() <= 1e-5, (form, architecture.as_dict())


def test_the_norms_inside_forbid_masking(net):
    assert not net.maskable


@pytest.mark.parametrize("length", [1, 5, 10])
def test_counts_are_those_of_the_extracted_network(net, beit3, length):
    text = net.model.sizes.text
    one = beit3.batch(text=text, lengths=(length,))
    macs = counting.macs(net.anatomy, net.model.sizes.image_tokens + length * text)
    parameters = counting.parameters(net.anatomy)
    for architecture in architectures(net)[:6]:
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.forward(small, one)

        assert parameters.at(*kept) == sum(p.numel() for p in small.parameters())
        assert macs.at(*kept) == counter.get_total_flops() / 2


def test_gradients_of_a_slice_are_those_of_the_extracted_network(net, batch):
    architecture = architectures(net)[2]
    net.model.zero_grad()
    with net.active(architecture):
        net.logits(batch).square().sum().backward()
    small = net.extract(architecture)
    net.forward(small, batch).square().sum().backward()

    kept = net.space.kept_layers(architecture)["layers"]
    path = net.anatomy.stacks[0].path
    full = dict(net.model.named_parameters())
    for name, parameter in small.named_parameters():
        for place, layer in enumerate(kept):  # small ones are numbered from 0
            if name.startswith(f"{path}.{place}."):
                name = name.replace(f"{path}.{place}.", f"{path}.{layer}.", 1)
                break
        if parameter.grad is None:
            assert full[name].grad is None
            continue
        grad, corner = full[name].grad, tuple(slice(0, n) for n in parameter.shape)
        # Units that are kept are the first ones; all others must have no gradient.
        torch.testing.assert_close(grad[corner], parameter.grad, rtol=1e-4, atol=1e-5, msg=name)
        assert grad.abs().sum().item() == pytest.approx(grad[corner].abs().sum().item())


@torch.no_grad()
def test_permuting_units_preserves_the_function(net, batch):
    expected = net.logits(batch)
    order = {g.name: torch.arange(g.units - 1, -1, -1) for g in net.anatomy.groups}

    permute.apply(net.model, net.anatomy, order)

    assert (net.logits(batch) - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("head", HEADS)
def test_the_base_model_counts_what_torch_counts(head):
    from instatune_plugins.adapters.beit3_model import (
        Beit3ForImageClassification,
        Beit3ForVisualQuestionAnswering,
    )
    from instatune_plugins.adapters.beit3_sizes import from_json

    sizes = from_json("base", {"model_type": "beit3", "head": head, "num_labels": 1000})
    kind = Beit3ForVisualQuestionAnswering if head == "vqa" else Beit3ForImageClassification
    with torch.device("meta"):
        model = kind(sizes)
        inputs = [torch.zeros(1, 3, 224, 224)]
        if head == "vqa":
            inputs.append(torch.zeros(1, 64, dtype=torch.int64))
        with FlopCounterMode(display=False) as counter:
            model(*inputs)
    anatomy = Beit3Adapter().describe(model)
    full = (
        {group.name: group.units for group in anatomy.groups},
        {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks},
    )

    counted = counting.macs(anatomy).at(*full)

    assert counted == counter.get_total_flops() / 2
    assert anatomy.tokens == 197 + 64 * (head == "vqa")
    # The image encoder of timm's beit3_base_patch16_224 has 17.6 G.
    assert counted / 1e9 == pytest.approx(17.6 if head != "vqa" else 23.6, rel=0.01)

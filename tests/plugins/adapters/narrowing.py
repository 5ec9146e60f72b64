"""Networks without FFN neurons and of smaller hidden size, in all their forms."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Adapter, Network
from instatune.plugin.manager import discover
from instatune.space import Anatomy, Architecture, Gene, SearchSpace
from instatune.space.counting import macs, parameters
from instatune.supernet import subnet
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet

COUNT = 50


def space(anatomy: Anatomy, lowest: Mapping[str, float]) -> SearchSpace:
    """Depth, and for each kind of group its lowest share and three larger ones."""
    genes = [
        Gene(name=s.name, choices=tuple(range(1, s.layers + 1)), effect="depth", targets=(s.name,))
        for s in anatomy.stacks
    ]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(
                sorted({int(s * group.units) for s in (lowest[group.kind], 0.5, 0.8, 1)})
            ),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind in lowest
    ]
    last_first = {s.name: tuple(reversed(range(s.layers))) for s in anatomy.stacks}
    return search_space(anatomy, genes, last_first)


def supernet(adapter: Adapter, model: nn.Module, lowest: Mapping[str, float]) -> Supernet:
    """A super-network of these kinds."""
    anatomy = adapter.describe(model)
    return Supernet(model, anatomy, space(anatomy, lowest), adapter.logits)


def architectures(net: Supernet, count: int = COUNT) -> list[Architecture]:
    """The ends of the space and distinct networks between them."""
    drawn = net.space.decode(net.space.sample(np.random.default_rng(0), 4 * count))
    return list(dict.fromkeys([net.space.largest, net.space.smallest, *drawn]))[:count]


def check(
    net: Supernet,
    adapter: Adapter,
    name: str,
    batch: Mapping[str, Tensor],
    folder: Path,
    count: int = COUNT,
) -> None:
    """Slice = extracted = reloaded (= masked), and counts are those of what was extracted."""
    plugins = discover(only=("instatune",))
    found = architectures(net, count)
    assert len(found) == count
    for architecture in found:
        small = network(net, adapter, name, architecture)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of tensors without elements, for example
            subnet.save(small, folder)
            reloaded = subnet.load(folder, plugins)
        with torch.inference_mode():
            with net.active(architecture):
                sliced = net.logits(batch)
            forms = {
                "extracted": net.forward(small.model, batch),
                "reloaded": net.forward(reloaded, batch),
            }
            if net.maskable:
                with net.masked(architecture):
                    forms["masked"] = net.logits(batch)
        assert sliced.isfinite().all()
        for form, logits in forms.items():
            gap = (logits - sliced).abs().max() / sliced.abs().max().clamp(min=1)
            assert gap <= 1e-5, (form, architecture.as_dict())
        size = parameters(net.anatomy).at(small.kept_units, small.kept_layers)
        assert size == sum(parameter.numel() for parameter in small.model.parameters())


def check_macs(net: Supernet, one: Mapping[str, Tensor], tokens: int | None) -> None:
    """Counted MACs are those that torch sees."""
    for architecture in architectures(net, 6):
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with (
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
        ):
            net.forward(small, one)
        assert macs(net.anatomy, tokens).at(*kept) * 2 == counter.get_total_flops()


def network(net: Supernet, adapter: Adapter, name: str, architecture: Architecture) -> Network:
    """A network as it is exported."""
    return Network(
        model=net.extract(architecture),
        architecture=architecture,
        adapter=adapter,
        adapter_name=f"{name}@instatune",
        anatomy=net.anatomy,
        kept_units=net.space.kept_units(architecture),
        kept_layers=net.space.kept_layers(architecture),
        processor=None,
        labels=() if name == "llama" else ("a", "b", "c"),
        facts={},
    )

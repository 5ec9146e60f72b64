"""Proof that an anatomy found by structure is right, on a copy of two layers with random weights.

The copy makes the proof cheap and independent of the weights, which may not be there yet. Proved
are: the slice of a network equals the extracted and the masked one, permuting units changes
nothing, each cut changes something, and the MACs are those that torch's flop counter sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Batch
from instatune.space import Anatomy, Architecture, Gene, Stack, counting
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.supernet.surgery import Surgeon, detached_copy
from instatune_plugins.adapters.auto_anatomy import STACK, Logits
from instatune_plugins.adapters.auto_layer import Unrecognised
from instatune_plugins.adapters.auto_structure import Structure

TOLERANCE = 1e-4  # of the largest logit; random weights make them of order one
_KEPT_LAYERS = 2


def small_copy(model: nn.Module, structure: Structure) -> nn.Module:
    """Copy a model with its first and its last layer only, and draw all weights anew."""
    layers = len(structure.layers)
    stack = Stack(
        name=STACK,
        path=structure.path,
        layers=layers,
        index_attributes=structure.layers[0].index,
    )
    bare = Anatomy(family="", stacks=(stack,), groups=(), shapes={}, work=(), tokens=1)
    kept = tuple(sorted({0, layers - 1}))[:_KEPT_LAYERS]
    with Surgeon(model, bare).sliced({}, {STACK: kept}) as small:
        copy = detached_copy(small).to("cpu").float().eval()
    _draw(copy)
    return copy.requires_grad_(False)


def prove(model: nn.Module, anatomy: Anatomy, batches: list[Batch], logits: Logits) -> None:
    """Check everything that an anatomy claims on a small model.

    Args:
        model: From :func:`small_copy`; its units are permuted.
        anatomy: Of this copy.
        batches: Inputs, of one example each.
        logits: Runs the model.

    Raises:
        Unrecognised: Something is not as claimed; names the module where that is known.
    """
    space = search_space(anatomy, _genes(anatomy))
    net = Supernet(model, anatomy, space, logits)
    batch = batches[-1]
    with named_failure(model, "compute with fewer heads or neurons"), torch.inference_mode():
        full = net.logits(batch)
        for gene in space.genes:
            _prove_one(net, space.architecture({gene.name: gene.choices[0]}), batch, full, gene)
        _prove_one(net, space.smallest, batch, full, None)
        order = {group.name: torch.arange(group.units - 1, -1, -1) for group in anatomy.groups}
        permute.apply(model, anatomy, order)
        _expect_equal(net.logits(batch), full, "another order of heads and neurons")
    for given in batches:
        _prove_macs(net, given)


def fewest_neurons(model: nn.Module, anatomy: Anatomy, batches: list[Batch], logits: Logits) -> int:
    """0 if the model computes without neurons in all its forms, else 1; arguments as `prove`."""
    genes = [
        Gene(name=group.name, choices=(0, group.units), effect="width", targets=(group.name,))
        for group in anatomy.groups
        if group.kind == "ffn"
    ]
    net = Supernet(model, anatomy, search_space(anatomy, genes), logits)
    try:
        with named_failure(model, "compute without neurons"), torch.inference_mode():
            _prove_one(net, net.space.smallest, batches[-1], net.logits(batches[-1]), None)
    except Unrecognised:
        return 1
    return 0


def _prove_one(
    net: Supernet, architecture: Architecture, batch: Batch, full: Tensor, gene: Gene | None
) -> None:
    what = "the smallest network" if gene is None else f"{gene.choices[0]} of {gene.targets[0]!r}"
    with net.active(architecture):
        sliced = net.logits(batch)
    if gene is not None and len(gene.choices) > 1 and _gap(sliced, full) < TOLERANCE:
        raise Unrecognised(f"keeping {what} changes nothing: the model does not use it")
    if gene is None:  # one copy is enough: it has all cuts
        _expect_equal(net.forward(net.extract(architecture), batch), sliced, f"{what}, extracted,")
    if net.maskable:
        with net.masked(architecture):
            _expect_equal(net.logits(batch), sliced, f"{what}, masked,")


def _prove_macs(net: Supernet, batch: Batch) -> None:
    tokens = None
    if "input_ids" in batch:
        tokens = batch["input_ids"].shape[1]
    space = net.space
    counted = counting.macs(net.anatomy, tokens).at(
        space.kept_units(space.largest), space.kept_layers(space.largest)
    )
    with (
        FlopCounterMode(display=False) as counter,
        sdpa_kernel(SDPBackend.MATH),
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        net.logits(batch)
    seen = counter.get_total_flops() // 2
    if seen != counted:
        raise Unrecognised(
            f"the model multiplies {seen:,} times where its layers as they were recognised "
            f"multiply {counted:,} times; there is something else in it, e.g. relative attention"
        )


def _genes(anatomy: Anatomy) -> list[Gene]:
    genes = [
        Gene(
            name=group.name,
            choices=tuple(sorted({max(1, group.units // 2), group.units})),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    layers = anatomy.stacks[0].layers
    depth = Gene(name="depth", choices=tuple(sorted({1, layers})), effect="depth", targets=(STACK,))
    return [depth, *genes]


def _expect_equal(found: Tensor, wanted: Tensor, what: str) -> None:
    gap = _gap(found, wanted)
    if not gap <= TOLERANCE:
        raise Unrecognised(
            f"{what} gives other logits than the slice (difference {gap:.2g} of the largest): "
            "heads or neurons lie elsewhere too"
        )


def _gap(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))


@torch.no_grad()
def _draw(model: nn.Module) -> None:
    """Weights under which each unit matters, and none of them overwhelms."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            scale = 1.5 * parameter[0].numel() ** -0.5
            parameter.normal_(0.0, scale, generator=generator)
        else:
            middle = 1.0 if name.endswith("weight") or parameter.ndim == 0 else 0.0
            parameter.normal_(middle, 0.2, generator=generator)


@contextmanager
def named_failure(model: nn.Module, doing: str) -> Iterator[None]:
    """Say in which module a forward pass failed: the innermost that was entered, not left."""
    open_paths: list[str] = []
    handles = []
    for path, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, p=path: open_paths.append(p)))
        handles.append(module.register_forward_hook(lambda *_: _leave(open_paths)))
    try:
        yield
    except Unrecognised:
        raise
    except Exception as error:  # whatever forward code raises on shapes that it does not expect
        where = f"module {open_paths[-1]!r}" if any(open_paths) else "the model"
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise Unrecognised(f"{where} cannot {doing} ({reason})") from error
    finally:
        for handle in handles:
            handle.remove()


def _leave(open_paths: list[str]) -> None:
    """Hooks must return None: anything else would replace the module's output."""
    open_paths.pop()

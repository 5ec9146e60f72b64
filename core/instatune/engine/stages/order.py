"""order: sort heads and neurons by importance, and layers by how much they would be missed.

Importance is read off the teacher. The sorting is a function-preserving permutation that is applied
to the weights which tuning starts from. Dimensions that leave their values to us get them here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from instatune.engine.automatic import automatic_values
from instatune.engine.stages.elastic import genes
from instatune.engine.stages.stage import Outcome, Stage, files, spelled
from instatune.engine.workshop import Workshop
from instatune.files import read_json, write_json
from instatune.interfaces import Batch, Damage, Probe
from instatune.plugin.entries import DimensionEntry
from instatune.space import Anatomy, Gene, SearchSpace, Stack
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.calibration import statistics
from instatune.supernet.supernet import Supernet

_CALIBRATED = 8  # batches that a trial takes its statistics of batch normalisation from


def _reads(shop: Workshop) -> Any:
    order = shop.plan.spec.order
    return {"by": spelled(shop.plan.ordering), "batches": order.batches}


def _run(shop: Workshop) -> Outcome:
    model = shop.model_from("teacher").to(shop.device)
    anatomy = shop.anatomy
    batches = _probe_batches(shop)
    probe = Probe(
        model=model,
        batches=batches,
        loss=lambda batch: shop.task.loss(shop.logits(model, batch).float(), batch),
    )
    made = genes(shop)
    importance = _importance(shop, made, probe)
    order = permute.ranking(importance)
    priority = {
        stack.name: _priority(shop, stack, _damage(shop, model, anatomy, stack, batches))
        for stack in anatomy.stacks
    }
    found = automatic_values(shop, made, importance)
    space = search_space(anatomy, found.genes, priority)
    units = {group: indices.tolist() for group, indices in order.items()}
    shop.folder.reopen("order")
    write_json(shop.folder.supernet / "order.json", {"units": units, "space": space.as_dict()})
    layers = "; ".join(f"{name} kept in the order {list(p)}" for name, p in priority.items())
    return Outcome("; ".join(filter(None, (f"{len(order)} groups sorted", layers, found.words))))


def space(shop: Workshop) -> SearchSpace:
    """The final search space, with the priority of layers."""
    found = SearchSpace.from_dict(_written(shop)["space"])
    # Groups that a later release describes are whole in what an earlier one wrote.
    units = {group.name: group.units for group in shop.anatomy.groups}
    return attrs.evolve(found, full_units=units | dict(found.full_units))


def permutation(shop: Workshop) -> dict[str, Tensor]:
    """The order of units in each sorted group."""
    units = _written(shop)["units"]
    return {group: torch.tensor(indices) for group, indices in units.items()}


def _written(shop: Workshop) -> Any:
    return read_json(shop.folder.supernet / "order.json", ("units", "space"))


def _importance(shop: Workshop, genes: Sequence[Gene], probe: Probe) -> Mapping[str, Tensor]:
    """Importance in the groups that some gene sets; the others stay as they are."""
    set_ = {target for gene in genes if gene.effect == "width" for target in gene.targets}
    groups = tuple(group for group in shop.anatomy.groups if group.name in set_)
    if not groups:
        return {}
    return shop.ordering.importance(attrs.evolve(shop.anatomy, groups=groups), probe)


def _probe_batches(shop: Workshop) -> tuple[Batch, ...]:
    plan = shop.batches("train", shop.plan.spec.teach.batch_size, epoch=0)
    count = min(shop.plan.spec.order.batches, len(plan))
    torch.manual_seed(shop.seed("order", "probe"))  # batches may be augmented at random
    return tuple(
        {name: tensor.to(shop.device) for name, tensor in plan[index].items()}
        for index in range(count)
    )


def _priority(shop: Workshop, stack: Stack, damage: Damage) -> tuple[int, ...]:
    for part, dimension in zip(shop.plan.elastic, shop.dimensions, strict=True):
        if isinstance(part.entry, DimensionEntry) and part.entry.effect == "depth":
            return dimension.priority(stack, damage)
    return stack.first_layers


def _damage(
    shop: Workshop, model: nn.Module, anatomy: Anatomy, stack: Stack, batches: tuple[Batch, ...]
) -> Damage:
    """Loss of the teacher with only some layers of a stack kept."""

    def damage(kept: tuple[int, ...]) -> float:
        rest = tuple(layer for layer in range(stack.layers) if layer not in kept)
        gene = Gene(
            name="kept",
            choices=tuple(sorted({len(kept), stack.layers})),
            effect="depth",
            targets=(stack.name,),
        )
        trial = search_space(anatomy, (gene,), {stack.name: (*kept, *rest)})
        supernet = Supernet(model, anatomy, trial, shop.adapter.logits)
        with torch.inference_mode(), supernet.active(trial.architecture({"kept": len(kept)})):
            with statistics(model, batches[:_CALIBRATED], supernet.forward).standing():
                losses = [shop.task.loss(supernet.logits(b).float(), b) for b in batches]
            return _mean([float(loss) for loss in losses])

    return damage


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


STAGE = Stage(
    name="order",
    about="sort heads, neurons and layers",
    reads=_reads,
    run=_run,
    writes=files("supernet/order.json"),
)

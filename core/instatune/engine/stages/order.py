"""order: sort heads and neurons by importance, and layers by how much they would be missed.

Importance is read off the teacher. The sorting is a function-preserving permutation that is applied
to the weights which tuning starts from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from instatune.engine.stages.elastic import genes
from instatune.engine.stages.stage import Outcome, Stage, files, spelled
from instatune.engine.workshop import Workshop
from instatune.files import read_json, write_json
from instatune.interfaces import Batch, Damage, Probe
from instatune.plugin.entries import DimensionEntry
from instatune.space import Anatomy, Gene, SearchSpace, Stack
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet


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
    importance = shop.ordering.importance(anatomy, probe)
    order = permute.ranking(importance)
    priority = {
        stack.name: _priority(shop, stack, _damage(shop, model, anatomy, stack, batches))
        for stack in anatomy.stacks
    }
    space = search_space(anatomy, genes(shop), priority)
    units = {group: indices.tolist() for group, indices in order.items()}
    shop.folder.reopen("order")
    write_json(shop.folder.supernet / "order.json", {"units": units, "space": space.as_dict()})
    layers = "; ".join(f"{name} kept in the order {list(p)}" for name, p in priority.items())
    return Outcome(f"{len(order)} groups sorted; {layers}")


def space(shop: Workshop) -> SearchSpace:
    """The final search space, with the priority of layers."""
    return SearchSpace.from_dict(_written(shop)["space"])


def permutation(shop: Workshop) -> dict[str, Tensor]:
    """The order of units in each sorted group."""
    units = _written(shop)["units"]
    return {group: torch.tensor(indices) for group, indices in units.items()}


def _written(shop: Workshop) -> Any:
    return read_json(shop.folder.supernet / "order.json", ("units", "space"))


def _probe_batches(shop: Workshop) -> tuple[Batch, ...]:
    plan = shop.batches("train", shop.plan.spec.teach.batch_size, epoch=0)
    count = min(shop.plan.spec.order.batches, len(plan))
    torch.manual_seed(shop.seed("order", "probe"))  # batches may be augmented at random
    return tuple(
        {name: tensor.to(shop.device) for name, tensor in plan[index].items()}
        for index in range(count)
    )


def _priority(shop: Workshop, stack: Stack, damage: Damage) -> tuple[int, ...]:
    for part, dimension in zip(shop.plan.dimensions, shop.dimensions, strict=True):
        if isinstance(part.entry, DimensionEntry) and part.entry.effect == "depth":
            return dimension.priority(stack, damage)
    return tuple(range(stack.layers))


def _damage(
    shop: Workshop, model: nn.Module, anatomy: Anatomy, stack: Stack, batches: tuple[Batch, ...]
) -> Damage:
    """Loss of the teacher with only some layers of a stack kept."""
    gene = Gene(
        name="kept",
        choices=tuple(range(1, stack.layers + 1)),
        effect="depth",
        targets=(stack.name,),
    )

    def damage(kept: tuple[int, ...]) -> float:
        rest = tuple(layer for layer in range(stack.layers) if layer not in kept)
        others = {s.name: tuple(range(s.layers)) for s in anatomy.stacks}
        trial = search_space(anatomy, (gene,), {**others, stack.name: (*kept, *rest)})
        supernet = Supernet(model, anatomy, trial, shop.adapter.logits)
        with torch.inference_mode(), supernet.active(trial.architecture({"kept": len(kept)})):
            return _mean([float(shop.task.loss(supernet.logits(b).float(), b)) for b in batches])

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

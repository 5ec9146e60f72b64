"""elastic: find heads, neurons and layers in the model, and make the genes of the search space."""

from __future__ import annotations

from typing import Any

import attrs

from instatune.engine.stages.stage import Outcome, Stage, files, spelled
from instatune.engine.workshop import Workshop
from instatune.files import read_json, write_json
from instatune.space import Gene, SearchSpace
from instatune.space.counting import macs, parameters
from instatune.supernet.build import search_space
from instatune.supernet.fit import verify


def _reads(shop: Workshop) -> Any:
    return [spelled(part) for part in shop.plan.elastic]


def _run(shop: Workshop) -> Outcome:
    model = shop.pretrained()
    anatomy = shop.adapter.describe(model)
    verify(anatomy, model)
    genes = tuple(gene for dimension in shop.dimensions for gene in dimension.genes(anatomy))
    space = search_space(anatomy, genes)
    shop.folder.reopen("elastic")
    write_json(shop.folder.supernet / "elastic.json", [attrs.asdict(gene) for gene in genes])
    ends = space.encode([space.smallest, space.largest])
    low, high = space.count(macs(anatomy), ends) / 1e9
    small, large = space.count(parameters(anatomy), ends) / 1e6
    return Outcome(
        f"{space.size:,} sub-networks from {low:.3g} to {high:.3g} GMACs,"
        f" {small:.3g} to {large:.3g} M parameters"
    )


def genes(shop: Workshop) -> tuple[Gene, ...]:
    """The genes that this stage made."""
    data = read_json(shop.folder.supernet / "elastic.json")
    return SearchSpace.from_dict({"genes": data, "priority": {}, "full_units": {}}).genes


STAGE = Stage(
    name="elastic",
    about="make layers elastic",
    reads=_reads,
    run=_run,
    writes=files("supernet/elastic.json"),
)

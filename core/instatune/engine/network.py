"""From a row to an extracted network with all that an exporter needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instatune import __version__
from instatune.engine.rows import architecture_of
from instatune.engine.workshop import Workshop
from instatune.interfaces import Network, Row
from instatune.supernet.supernet import Supernet

if TYPE_CHECKING:
    from instatune.supernet.calibration import Statistics


def network_of(
    shop: Workshop,
    supernet: Supernet,
    row: Row,
    statistics: Statistics | None = None,
    **facts: Any,
) -> Network:
    """Extract the network of a row onto the CPU.

    Args:
        shop: Of the run.
        supernet: Tuned.
        row: The network.
        statistics: Its own, of batch normalisation; None to work them out here.
        facts: What else is told of it.
    """
    architecture = architecture_of(row)
    own = statistics or shop.calibration.of(supernet, architecture)
    part = shop.plan.adapter
    return Network(
        model=supernet.extract(architecture, own).cpu().eval(),
        architecture=architecture,
        adapter=shop.adapter,
        adapter_name=f"{part.name}@{part.distribution}",
        anatomy=shop.anatomy,
        kept_units=supernet.space.kept_units(architecture),
        kept_layers=supernet.space.kept_layers(architecture),
        processor=shop.processor,
        labels=shop.splits.labels,
        facts={
            "name": row.name,
            "run": shop.plan.spec.name,
            "task": shop.plan.task.name,
            "checkpoint": shop.plan.spec.model.checkpoint,
            "instatune": __version__,
            "search": {name: measurement.value for name, measurement in row.search.items()},
            **({"outputs": dict(shop.splits.facts)} if shop.splits.facts else {}),
            **facts,
        },
    )

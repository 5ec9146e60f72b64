"""From a row to an extracted network with all that an exporter needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from instatune import __version__
from instatune.engine.rows import architecture_of
from instatune.engine.workshop import Workshop
from instatune.interfaces import Batch, Network, Row
from instatune.supernet.supernet import Supernet

if TYPE_CHECKING:
    from torch import nn

    from instatune.space import Architecture
    from instatune.supernet.calibration import Statistics

_EXAMPLES = 2  # of which one traces: a single one would be taken for a constant


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
    measured = {name: measurement.value for name, measurement in row.search.items()}
    told = {"name": row.name, "search": measured, **facts}
    return network_at(shop, supernet, architecture_of(row), statistics, **told)


def network_at(
    shop: Workshop,
    supernet: Supernet,
    architecture: Architecture,
    statistics: Statistics | None = None,
    **facts: Any,
) -> Network:
    """Extract a network that stands in no row; arguments as :func:`network_of`."""
    own = statistics or shop.calibration.of(supernet, architecture)
    part = shop.plan.adapter
    model = supernet.extract(architecture, own).cpu().eval()
    return Network(
        model=model,
        architecture=architecture,
        adapter=shop.adapter,
        adapter_name=f"{part.name}@{part.distribution}",
        anatomy=shop.anatomy,
        kept_units=supernet.space.kept_units(architecture),
        kept_layers=supernet.space.kept_layers(architecture),
        processor=shop.processor,
        labels=shop.splits.labels,
        facts={
            "run": shop.plan.spec.name,
            "task": shop.plan.task.name,
            "checkpoint": shop.plan.spec.model.checkpoint,
            "instatune": __version__,
            **({"outputs": dict(shop.splits.facts)} if shop.splits.facts else {}),
            **facts,
        },
        **_quantized(shop, supernet, architecture, model),
        example=example(shop),
    )


def example(shop: Workshop) -> Batch:
    """The first examples of the search split as a batch on the CPU."""
    batch = shop.batches("search", _EXAMPLES, limit=_EXAMPLES)[0]
    return {name: tensor for name, tensor in batch.items() if name != "index"}


def _quantized(
    shop: Workshop, supernet: Supernet, architecture: Architecture, model: nn.Module
) -> dict[str, Any]:
    """What a network with a policy has besides; nothing in full precision."""
    quantization, part = shop.quantization(supernet), shop.plan.quantizer
    policy = quantization.lowered(model, architecture) if quantization is not None else {}
    if quantization is None or part is None or not policy:
        return {}
    return {
        "policy": policy,
        "quantized": quantization.quantized(model, architecture),
        "quantizer_name": f"{part.name}@{part.distribution}",
        "quantizer_settings": attrs.asdict(part.config) if part.config is not None else {},
        "calibration": tuple(
            {name: tensor.cpu() for name, tensor in batch.items()} for batch in shop.range_batches
        ),
    }

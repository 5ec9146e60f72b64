"""The tiny transformer as a super-network, and a sub-network as it is exported."""

from __future__ import annotations

from instatune.interfaces import Network
from instatune.space import Architecture
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes
from instatune.testing.tiny.adapter import TinyAdapter
from instatune.testing.tiny.transformer import model


def supernet(seed: int = 0) -> Supernet:
    """The tiny transformer with the whole tiny space."""
    return Supernet(model(seed=seed), fakes.anatomy(), fakes.space(), TinyAdapter().logits)


def network(architecture: Architecture | None = None) -> Network:
    """An extracted sub-network, the smallest one unless told otherwise."""
    whole = supernet()
    chosen = architecture or whole.space.smallest
    return Network(
        model=whole.extract(chosen).eval(),
        architecture=chosen,
        adapter=TinyAdapter(),
        adapter_name="tiny@instatune-testing",
        anatomy=whole.anatomy,
        kept_units=whole.space.kept_units(chosen),
        kept_layers=whole.space.kept_layers(chosen),
        processor=None,
        labels=("zero", "one", "two"),
        facts={"name": "tiny sub-network", "task": "tiny"},
    )

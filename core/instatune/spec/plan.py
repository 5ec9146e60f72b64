"""Plan: a spec in which every name is resolved and every setting checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from instatune.plugin.entries import DimensionEntry, Entry, Kind
from instatune.space import SearchSpace
from instatune.spec.model import Spec


@attrs.frozen(kw_only=True)
class Part:
    """One resolved component of a plan.

    Attributes:
        kind: Kind of component.
        entry: What the plugin says of it.
        config: Instance of ``entry.config``, None where it has none.
        distribution: Distribution that offers it.
        version: Version of that distribution.
    """

    kind: Kind
    entry: Entry
    config: Any
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """Name of the component."""
        return self.entry.name


@attrs.frozen(kw_only=True)
class Plan:
    """Everything that the engine needs to know; light, no torch.

    Attributes:
        spec: The spec behind it.
        run_dir: Folder of the run, absolute.
        checkpoint: Checkpoint with ``package:`` resolved.
        text: The resolved spec as YAML, defaults written out; reads back to the same plan.
        outline: The search space with the first layers kept, where it could be told from
            configuration files alone; for counts and checks.
    """

    spec: Spec
    run_dir: Path
    checkpoint: str
    adapter: Part
    task: Part
    dimensions: tuple[Part, ...]
    ordering: Part
    sampler: Part
    schedule: Part
    quantizer: Part | None = None
    strategy: Part
    predictor: Part | None
    objectives: tuple[Part, ...]
    limits_only: tuple[Part, ...] = ()  # exact objectives that only a constraint names
    executor: Part
    exporters: tuple[Part, ...]
    reporters: tuple[Part, ...]
    text: str
    outline: SearchSpace | None = None

    @property
    def elastic(self) -> tuple[Part, ...]:
        """Dimensions that tuning knows of: those that change which weights are used."""
        return tuple(part for part in self.dimensions if not sets_bits(part))

    @property
    def quantizing(self) -> tuple[Part, ...]:
        """Dimensions that change how weights are held: the search alone knows of them."""
        return tuple(part for part in self.dimensions if sets_bits(part))


def sets_bits(part: Part) -> bool:
    """Whether a part is a dimension of bits."""
    return isinstance(part.entry, DimensionEntry) and part.entry.effect == "bits"

"""Entries: what a plugin says about a component, without importing the component.

The capability fields let ``instatune check`` refuse a bad combination before torch is loaded.
Core decides by these fields alone; it never compares a component's name.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

import attrs

from instatune.plugin.validators import is_attrs, matches

Kind: TypeAlias = Literal[
    "adapters",
    "dimensions",
    "orderings",
    "samplers",
    "schedules",
    "predictors",
    "strategies",
    "quantizers",
    "objectives",
    "tasks",
    "executors",
    "reporters",
    "exporters",
    "benchmarks",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds, in the order in which a run meets them; no run meets the last one."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def noun(kind: str) -> str:
    """Singular of a kind, for messages.

    Example:
        >>> noun("strategies"), noun("samplers")
        ('strategy', 'sampler')
    """
    return kind[:-3] + "y" if kind.endswith("ies") else kind.removesuffix("s")


@attrs.frozen(kw_only=True)
class Entry:
    """What every component declares.

    Attributes:
        name: How a spec calls it: lower case letters, digits, underscores.
        target: ``"package.module:Class"``, imported on first use.
        summary: One line for ``instatune plugins``.
        config: Light attrs class; the YAML mapping beside ``name`` is structured into it. None
            means that the component has no settings.
        requires: PEP 508 requirements, checked by metadata before the target is imported.
        stability: ``"experimental"`` components may change in any release.
    """

    name: str = attrs.field(validator=matches(_NAME, "a name like 'my_component'"))
    target: str = attrs.field(validator=matches(_TARGET, "a target like 'package.module:Class'"))
    summary: str
    config: type | None = attrs.field(default=None, validator=is_attrs)
    requires: tuple[str, ...] = ()
    stability: Literal["stable", "experimental"] = "stable"


@attrs.frozen(kw_only=True)
class AdapterEntry(Entry):
    """A family of models.

    Attributes:
        model_types: Values of ``model_type`` in a transformers ``config.json`` that it fits; empty
            where the family has no such file.
        outline: ``"module:function"`` of a light function ``(checkpoint: str) -> Anatomy | None``
            that reads the anatomy from configuration files alone, so that a spec can be checked
            against the real model without torch. None, or a result of None: not possible.
        problems: Kinds of output that it serves, as in :attr:`TaskEntry.problem`; empty for any.
    """

    model_types: tuple[str, ...] = ()
    outline: str | None = None
    problems: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class DimensionEntry(Entry):
    """Something that becomes elastic. Its target must be light (numpy at most).

    Attributes:
        effect: What its genes set: units of groups, layers of stacks, or bits of modules.
    """

    effect: Literal["width", "depth", "bits"] = "width"


@attrs.frozen(kw_only=True)
class OrderingEntry(Entry):
    """A measure of importance of heads and neurons.

    Attributes:
        needs_gradients: Whether it reads gradients of the teacher on training batches.
        gives_importance: Whether it scores units; False where it leaves them as they are.
    """

    needs_gradients: bool = False
    gives_importance: bool = True


@attrs.frozen(kw_only=True)
class SamplerEntry(Entry):
    """A rule that chooses the sub-networks of one training step.

    Attributes:
        draws_largest: Whether each step trains the super-network itself (the largest one).
    """

    draws_largest: bool


@attrs.frozen(kw_only=True)
class ScheduleEntry(Entry):
    """A rule that weighs the terms of the training loss.

    Attributes:
        needs_largest: Whether each step must draw the largest network, as when it teaches the
            others.
        needs_teacher: Whether a separately fine-tuned teacher can get a weight above zero.
    """

    needs_largest: bool = False
    needs_teacher: bool = False


@attrs.frozen(kw_only=True)
class PredictorEntry(Entry):
    """A regression from architectures to one objective.

    Attributes:
        gives_std: Whether predictions carry a standard deviation.
    """

    gives_std: bool = False


@attrs.frozen(kw_only=True)
class StrategyEntry(Entry):
    """A search strategy.

    Attributes:
        min_objectives: The fewest objectives that it makes sense for.
        max_objectives: The most objectives that it handles; None for any number.
        needs_predictor: Whether ``search.predictor`` must be given.
        needs_std: Whether that predictor must know its uncertainty (``gives_std``).
    """

    min_objectives: int = 1
    max_objectives: int | None = None
    needs_predictor: bool = False
    needs_std: bool = False


@attrs.frozen(kw_only=True)
class QuantizerEntry(Entry):
    """A way to lower the bit width of linear layers.

    Attributes:
        bits: Bit widths that it offers besides 32.
        needs_calibration: Whether it looks at training samples.
        simulates: Whether a policy is simulated at about the cost of a forward pass, so that it can
            be searched; others are for the networks that were found.
    """

    bits: tuple[int, ...]
    needs_calibration: bool = True
    simulates: bool = True


@attrs.frozen(kw_only=True)
class ObjectiveEntry(Entry):
    """Something measured of a sub-network.

    Attributes:
        goal: The good direction.
        unit: Shown behind values, may be empty.
        cost: ``"exact"`` is computed from the architecture alone and is never predicted;
            ``"dataset"`` runs the search split; ``"device"`` measures time or power and is noisy.
        label: Name for people, e.g. in plots.
        bounds: The best thinkable value and one that is no better than nothing, for scaling the
            hypervolume; None for exact objectives (0 and the full model's value) or if unknown.
        problems: Kinds of output that it can measure, as in :attr:`TaskEntry.problem`; empty for
            any.
    """

    goal: Literal["min", "max"]
    unit: str = ""
    cost: Literal["exact", "dataset", "device"]
    label: str = ""
    bounds: tuple[float, float] | None = None
    problems: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class TaskEntry(Entry):
    """A task with its data.

    Attributes:
        problem: Kind of output, any word that adapters name too: ``"classification"``,
            ``"regression"``, ``"token_classification"``, ``"causal_lm"``, ``"multiple_choice"``.
        licence: Licence of the data that it ships or loads, in words.
    """

    problem: str = "classification"
    licence: str = ""


@attrs.frozen(kw_only=True)
class ExecutorEntry(Entry):
    """A place where evaluations run."""


@attrs.frozen(kw_only=True)
class ReporterEntry(Entry):
    """A receiver of events and results."""


@attrs.frozen(kw_only=True)
class ExporterEntry(Entry):
    """A format that sub-networks are written in.

    Attributes:
        loadable: Whether ``instatune.load`` reads it back.
        runs: Whether :meth:`Exporter.runner` runs what it writes, so that it is scored and timed.
        runtime: What runs it, e.g. ``"torch"``; artefacts of one runtime are compared in speed.
        quantized: Whether it writes networks of less than 32 bits as such.
        full: Whether it writes networks of 32 bits.
    """

    loadable: bool = False
    runs: bool = False
    runtime: str = ""
    quantized: bool = False
    full: bool = True

    def writes(self, *, quantized: bool) -> bool:
        """Whether it is for networks of less than 32 bits, or for those in full precision."""
        return self.quantized if quantized else self.full


@attrs.frozen(kw_only=True)
class BenchmarkEntry(Entry):
    """A space whose networks can be measured, to compare strategies on.

    Attributes:
        licence: Licence of the measurements that it ships or reads, in words.
        inline: Whether it is to be opened once only, in the main process, however many workers a
            comparison has: because it holds a large model, for example.
    """

    licence: str = ""
    inline: bool = False


ENTRY_TYPES: dict[Kind, type[Entry]] = {
    "adapters": AdapterEntry,
    "dimensions": DimensionEntry,
    "orderings": OrderingEntry,
    "samplers": SamplerEntry,
    "schedules": ScheduleEntry,
    "predictors": PredictorEntry,
    "strategies": StrategyEntry,
    "quantizers": QuantizerEntry,
    "objectives": ObjectiveEntry,
    "tasks": TaskEntry,
    "executors": ExecutorEntry,
    "reporters": ReporterEntry,
    "exporters": ExporterEntry,
    "benchmarks": BenchmarkEntry,
}
"""The entry that each hook yields. The hook of a kind is ``instatune_<kind>``."""


def kind_of(entry: Entry) -> Kind:
    """The kind that an entry belongs to.

    Raises:
        TypeError: A plain :class:`Entry`, which is of no kind.
    """
    for kind, entry_type in ENTRY_TYPES.items():
        if isinstance(entry, entry_type):
            return kind
    raise TypeError(f"{type(entry).__name__} is the entry of no kind; use one of its subclasses")

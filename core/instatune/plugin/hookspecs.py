"""The hooks: one for each kind of component.

A hook takes no argument and yields entries. It is called once per discovery, in no particular
order, before any model is loaded, and must not import torch. A name that another plugin offers too
stays usable as ``name@distribution``.

Each example is a whole plugin module: put it into a file, name the file under ``plugins.files`` of
a spec or in an entry point of the group ``instatune.v1``, and its component is on offer.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from instatune.plugin.entries import (
    ENTRY_TYPES,
    AdapterEntry,
    BenchmarkEntry,
    DimensionEntry,
    ExecutorEntry,
    ExporterEntry,
    ObjectiveEntry,
    OrderingEntry,
    PredictorEntry,
    QuantizerEntry,
    ReporterEntry,
    SamplerEntry,
    ScheduleEntry,
    StrategyEntry,
    TaskEntry,
)

__all__ = ["ENTRY_TYPES", "hookspec"]

hookspec = pluggy.HookspecMarker("instatune")


@hookspec
def instatune_adapters() -> Iterable[AdapterEntry]:
    """Offer families of models: how one is loaded, where things are in it, how it is run.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import AdapterEntry
        >>> @hookimpl
        ... def instatune_adapters():
        ...     yield AdapterEntry(name="mixer", target="my_plugin.mixer:Mixer",
        ...                        model_types=("mixer",), summary="MLP-Mixers")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Adapter`.
    """
    return ()


@hookspec
def instatune_dimensions() -> Iterable[DimensionEntry]:
    """Offer things that become elastic: a key below ``space:`` of a spec.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import DimensionEntry
        >>> @hookimpl
        ... def instatune_dimensions():
        ...     yield DimensionEntry(name="experts", target="my_plugin.experts:Experts",
        ...                          effect="width", summary="experts of each layer")

    Returns:
        Entries whose ``target``, a light module, implements
        :class:`instatune.interfaces.Dimension`.
    """
    return ()


@hookspec
def instatune_orderings() -> Iterable[OrderingEntry]:
    """Offer measures of importance, by which heads and neurons are sorted before tuning.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import OrderingEntry
        >>> @hookimpl
        ... def instatune_orderings():
        ...     yield OrderingEntry(name="fisher", target="my_plugin.fisher:Fisher",
        ...                         needs_gradients=True, summary="squared gradients")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Ordering`.
    """
    return ()


@hookspec
def instatune_samplers() -> Iterable[SamplerEntry]:
    """Offer rules that choose the sub-networks that one training step updates.

    Example:
        >>> import attrs
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import SamplerEntry
        >>> @attrs.frozen(kw_only=True)
        ... class LadderConfig:
        ...     rungs: int = 3
        >>> @hookimpl
        ... def instatune_samplers():
        ...     yield SamplerEntry(name="ladder", target="my_plugin.ladder:Ladder",
        ...                        config=LadderConfig, draws_largest=True,
        ...                        summary="networks of evenly spaced sizes")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Sampler`.
    """
    return ()


@hookspec
def instatune_schedules() -> Iterable[ScheduleEntry]:
    """Offer rules that weigh labels, teacher and super-network in the training loss.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import ScheduleEntry
        >>> @hookimpl
        ... def instatune_schedules():
        ...     yield ScheduleEntry(name="cosine_kd", target="my_plugin.cosine:CosineKd",
        ...                         needs_largest=True, summary="distillation fades in")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Schedule`.
    """
    return ()


@hookspec
def instatune_predictors() -> Iterable[PredictorEntry]:
    """Offer regressions that predict an objective from an architecture.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import PredictorEntry
        >>> @hookimpl
        ... def instatune_predictors():
        ...     yield PredictorEntry(name="gp", target="my_plugin.gp:GaussianProcess",
        ...                          gives_std=True, requires=("scikit-learn>=1.7",),
        ...                          summary="Gaussian process with its uncertainty")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Predictor`.
    """
    return ()


@hookspec
def instatune_strategies() -> Iterable[StrategyEntry]:
    """Offer search strategies: which networks are measured next.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import StrategyEntry
        >>> @hookimpl
        ... def instatune_strategies():
        ...     yield StrategyEntry(name="annealing", target="my_plugin.annealing:Annealing",
        ...                         max_objectives=2, summary="simulated annealing")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Strategy`.
    """
    return ()


@hookspec
def instatune_quantizers() -> Iterable[QuantizerEntry]:
    """Offer ways to lower the bit width of linear layers.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import QuantizerEntry
        >>> @hookimpl
        ... def instatune_quantizers():
        ...     yield QuantizerEntry(name="ternary", target="my_plugin.ternary:Ternary",
        ...                          bits=(2,), summary="weights of -1, 0 and 1")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Quantizer`.
    """
    return ()


@hookspec
def instatune_objectives() -> Iterable[ObjectiveEntry]:
    """Offer things to measure of a sub-network.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import ObjectiveEntry
        >>> @hookimpl
        ... def instatune_objectives():
        ...     yield ObjectiveEntry(name="energy_j", target="my_plugin.energy:Energy",
        ...                          goal="min", unit="J", cost="device",
        ...                          summary="energy of one forward pass")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Objective`; those of
        ``cost="exact"`` implement :class:`instatune.interfaces.ExactObjective`.
    """
    return ()


@hookspec
def instatune_tasks() -> Iterable[TaskEntry]:
    """Offer tasks: data with its loss and its score.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import TaskEntry
        >>> @hookimpl
        ... def instatune_tasks():
        ...     yield TaskEntry(name="tickets", target="my_plugin.tickets:Tickets",
        ...                     problem="classification", licence="CC-BY-4.0",
        ...                     summary="support tickets by department")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Task`.
    """
    return ()


@hookspec
def instatune_executors() -> Iterable[ExecutorEntry]:
    """Offer places where evaluations run.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import ExecutorEntry
        >>> @hookimpl
        ... def instatune_executors():
        ...     yield ExecutorEntry(name="slurm", target="my_plugin.slurm:Slurm",
        ...                         stability="experimental", summary="jobs of a cluster")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Executor`.
    """
    return ()


@hookspec
def instatune_reporters() -> Iterable[ReporterEntry]:
    """Offer receivers of events and results.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import ReporterEntry
        >>> @hookimpl
        ... def instatune_reporters():
        ...     yield ReporterEntry(name="chat", target="my_plugin.chat:Chat",
        ...                         summary="a message when the front is there")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Reporter`.
    """
    return ()


@hookspec
def instatune_exporters() -> Iterable[ExporterEntry]:
    """Offer formats that sub-networks are written in.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import ExporterEntry
        >>> @hookimpl
        ... def instatune_exporters():
        ...     yield ExporterEntry(name="gguf", target="my_plugin.gguf:Gguf",
        ...                         summary="a single file for llama.cpp")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Exporter`.
    """
    return ()


@hookspec
def instatune_benchmarks() -> Iterable[BenchmarkEntry]:
    """Offer spaces whose networks can be measured, to compare strategies on.

    Example:
        >>> from instatune.plugin import hookimpl
        >>> from instatune.plugin.entries import BenchmarkEntry
        >>> @hookimpl
        ... def instatune_benchmarks():
        ...     yield BenchmarkEntry(name="nas_macro", target="my_plugin.macro:Macro",
        ...                          licence="MIT", summary="all 6,561 networks of a macro space")

    Returns:
        Entries whose ``target`` implements :class:`instatune.interfaces.Benchmark`.
    """
    return ()

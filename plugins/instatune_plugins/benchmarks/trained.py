"""A super-network that was trained before: every measurement is real, and paid once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError, StoreError
from instatune.interfaces import Arena, Benchmark, Measurement
from instatune.metrics.hypervolume import Box
from instatune.space import Architecture

if TYPE_CHECKING:
    from instatune.engine.evaluate import Evaluator
    from instatune.engine.reopen import Reopened
    from instatune_plugins.benchmarks import TrainedConfig


class Trained(Benchmark):
    """Opens the folder of a run and measures its sub-networks as its own search did."""

    config: TrainedConfig

    def open(self) -> Arena:
        """Load the super-network and its data.

        Raises:
            DataError: The folder is not that of a run that was searched.
        """
        from instatune.engine.reopen import reopen

        try:
            return _arena(reopen(Path(self.config.run)))
        except StoreError as error:
            raise DataError(f"benchmark trained: {error}") from error


def _arena(run: Reopened) -> Arena:
    searching, testing = run.searching(), run.testing()
    names = tuple(aim.name for aim in run.aims)
    box, known = run.scale
    return Arena(
        space=run.space,
        aims=run.aims,
        exact=run.exact,
        measure=partial(_measure, searching, names),
        final=partial(_measure, testing, names),
        bounds=box.bounds,
        worst=worst(box, known),
        fingerprint=_fingerprint(searching, testing),
        description=_description(run),
    )


def _measure(
    evaluator: Evaluator, names: Sequence[str], architectures: Sequence[Architecture]
) -> Iterator[Mapping[str, Measurement]]:
    """One network after the other, so that what is measured is kept if the next one fails."""
    for architecture in architectures:
        evaluation = evaluator.evaluate([architecture])[0]
        if evaluation.status != "ok":
            raise DataError(f"{architecture.as_dict()}: {evaluation.error}")
        yield {name: evaluation.values[name] for name in names}


def worst(box: Box, known: NDArray[np.float64]) -> tuple[float, ...]:
    """Losses of the tight reference; inf where there is none.

    Args:
        box: Of the run, with its tight reference.
        known: Losses of everything that the run's search measured, ``[rows, aims]``. Where none of
            these networks lies inside of the reference, comparing volumes would be idle, so that
            the loose one has to do.
    """
    if not box.hypervolume(known) > 0:
        return (np.inf,) * len(box.bounds)
    return tuple(
        low + corner * (high - low) if corner < 1.0 else np.inf
        for (low, high), corner in zip(box.bounds, box.reference, strict=True)
    )


def _fingerprint(searching: Evaluator, testing: Evaluator) -> str:
    """Digest of weights, space, objectives and data."""
    spelled = sorted(measured.spelled for measured in searching.objectives.values())
    text = "\n".join((searching.supernet_id, searching.data_id, testing.data_id, *spelled))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _description(run: Reopened) -> str:
    plan, splits = run.shop.plan, run.shop.splits
    examples = plan.spec.search.examples or len(splits.search)
    return (
        f"Super-network of the run {plan.spec.name!r}: {run.space.size:,} sub-networks, measured"
        f" on {min(examples, len(splits.search)):,} examples of its search split, fronts on"
        f" {len(splits.test):,} of its test split."
    )

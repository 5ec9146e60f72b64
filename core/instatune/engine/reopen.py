"""Reopening: a finished run's super-network, ready to be measured again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.engine.evaluate import Evaluator
from instatune.engine.events import Events
from instatune.engine.folder import RunFolder
from instatune.engine.problem import ExactFunction, exact_functions
from instatune.engine.progressing import Scale, losses
from instatune.engine.rows import read_front
from instatune.engine.stages.search import make_evaluator
from instatune.engine.stages.tune import tuned
from instatune.engine.summary import aims
from instatune.engine.workshop import Workshop
from instatune.errors import StoreError
from instatune.interfaces import AimInfo
from instatune.metrics.hypervolume import Box
from instatune.space import SearchSpace
from instatune.spec.resolve import prepare
from instatune.supernet.supernet import Supernet


@attrs.frozen(kw_only=True)
class Reopened:
    """A run whose super-network is tuned.

    Attributes:
        shop: Its plan, data and components.
        supernet: Tuned, on its device.
    """

    shop: Workshop
    supernet: Supernet

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.supernet.space

    @property
    def aims(self) -> tuple[AimInfo, ...]:
        """The objectives of the run."""
        return aims(self.shop)

    @property
    def exact(self) -> dict[str, ExactFunction]:
        """Objectives that follow from the architecture alone."""
        return exact_functions(self.shop, self.space, self.supernet.anatomy)

    @property
    def scale(self) -> tuple[Box, NDArray[np.float64]]:
        """The box of the run's hypervolumes, and losses ``[rows, aims]`` of what it measured.

        Raises:
            StoreError: The search stage of the run is not finished.
        """
        _require(self.shop.folder, "search")
        front = read_front(self.shop.folder)
        scale = Scale.of(self.shop.plan.objectives, front)
        return scale.box, losses(scale.entries, [*front["evaluated"], *front["random"]])

    def searching(self) -> Evaluator:
        """Measures as the search did, through the same store."""
        section = self.shop.plan.spec.search
        return make_evaluator(
            self.shop, self.supernet, "search", section.precision, section.examples
        )

    def testing(self) -> Evaluator:
        """Measures on the test split as the verify stage did, through the same store."""
        return make_evaluator(self.shop, self.supernet, "test", "fp32")


def reopen(folder: Path) -> Reopened:
    """Open a run folder whose tune stage is finished.

    Args:
        folder: It may have been moved; paths in its plan start at the working directory.

    Raises:
        StoreError: It is no run folder, or the run did not get that far.
        SpecError: Its plan cannot be made any more, for want of a plugin for example.
    """
    path = folder.expanduser().absolute()
    if not (path / "plan.yaml").is_file():
        raise StoreError(
            f"{folder}: no run folder (it has no plan.yaml, seen from {Path.cwd()}); give the"
            " folder that `instatune run` named at its end"
        )
    run = RunFolder(path)
    _require(run, "tune")
    made, plugins = prepare(path / "plan.yaml", [f"run_dir={json.dumps(str(path))}"])
    # Opening is no part of the run, so nothing of it goes into the log.
    shop = Workshop(made, plugins, run, Events((), Path(os.devnull)))
    return Reopened(shop=shop, supernet=tuned(shop))


def _require(run: RunFolder, stage: str) -> None:
    if run.record(stage) is None:
        raise StoreError(
            f"{run.path}: its stage {stage!r} is not finished; continue with"
            f" `instatune run {run.path / 'plan.yaml'}`"
        )

"""verify: prove the chosen networks exact, and score them once on the test split."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import torch
from torch import Tensor, nn

from instatune.engine.batches import BatchPlan
from instatune.engine.evaluate import SplitBench
from instatune.engine.folder import RunFolder
from instatune.engine.network import network_of
from instatune.engine.precision import whole_float32
from instatune.engine.rows import architecture_of, chosen_rows, read_front, reference_rows
from instatune.engine.stages.order import space
from instatune.engine.stages.search import make_evaluator
from instatune.engine.stages.stage import Outcome, Stage, files
from instatune.engine.stages.tune import tuned
from instatune.engine.workshop import Workshop
from instatune.errors import ExactnessError
from instatune.files import write_json
from instatune.interfaces import Batch, Measurement, Network, Progress, Row
from instatune.plugin.entries import ObjectiveEntry
from instatune.supernet import subnet
from instatune.supernet.supernet import Supernet

TOLERANCE = 1e-4  # largest |Δlogit| in float32 between two forms of one network
_PROBES = 2  # batches that the forms are compared on


def _run(shop: Workshop) -> Outcome:
    front = read_front(shop.folder)
    chosen, references = chosen_rows(front), reference_rows(front)
    supernet = tuned(shop)
    with whole_float32():
        told = _told(shop, "prove", chosen)
        exactness = {row.key: _exactness(shop, supernet, row) for row in told}
    worst = max(value for forms in exactness.values() for value in forms.values())
    evaluator = make_evaluator(shop, supernet, "test", "fp32")
    test: dict[str, dict[str, list[float]]] = {}
    for row in _told(shop, "score on the test split", [*chosen, *references]):
        values = evaluator.evaluate([architecture_of(row)])[0].values
        noisy = {name for name, measured in evaluator.objectives.items() if not measured.exact}
        test[row.key] = {
            name: list(attrs.astuple(measurement))
            for name, measurement in values.items()
            if name in noisy
        }
    plain = _plain_model(shop)
    shop.folder.reopen("verify")
    write_json(
        shop.folder.path / "verified.json",
        {"exactness": exactness, "test": test, "plain": plain},
    )
    return Outcome(
        f"{len(chosen)} networks exact to {worst:.1e}, scored on {len(shop.splits.test):,} examples"
    )


def _exactness(shop: Workshop, supernet: Supernet, row: Row) -> dict[str, float]:
    """Largest |Δlogit| of the other forms of a network against its slice."""
    architecture = architecture_of(row)
    batches = _probes(shop)
    own = shop.calibration.of(supernet, architecture)
    with supernet.active(architecture, own):
        sliced = _logits(shop, supernet.model, batches)
    forms = {}
    if supernet.maskable:
        # Statistics of all units: those that are left out must not change those of the others.
        with supernet.masked(architecture), shop.calibration.present(supernet).standing():
            forms["masked"] = _logits(shop, supernet.model, batches)
    network = network_of(shop, supernet, row, own)
    forms["extracted"] = _logits(shop, network.model.to(shop.device), batches)
    network.model.to("cpu")
    gaps = {form: _gap(logits, sliced) for form, logits in forms.items()}
    gaps["reloaded"] = _reloaded(shop, network, batches, sliced)
    for form, gap in gaps.items():
        check_exact(row.name, form, gap)
    return gaps


def _reloaded(shop: Workshop, network: Network, batches: list[Batch], sliced: Tensor) -> float:
    """Gap of what was saved and loaded: to the slice, or to what was saved if that is quantized.

    What rounding does to logits is no matter of exactness; the next stages measure it.
    """
    if network.policy:
        sliced = _logits(shop, network.deployed.to(shop.device), batches)
        network.deployed.to("cpu")
    with _scratch(shop.folder) as folder:
        subnet.save(network, folder)
        return _gap(
            _logits(shop, subnet.load(folder, shop.plugins).to(shop.device), batches), sliced
        )


def _gap(logits: Tensor, others: Tensor) -> float:
    return float((logits - others).abs().max())


@contextmanager
def _scratch(folder: RunFolder) -> Iterator[Path]:
    """A folder for one network, always the same, so that no killed run can leave many."""
    path = folder.path / ".verify"
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def check_exact(name: str, form: str, gap: float) -> None:
    """Refuse a form of a network that differs from its slice.

    Raises:
        ExactnessError: ``gap`` is above the tolerance, or not a number.
    """
    if not gap <= TOLERANCE:
        raise ExactnessError(
            f"{name}: the {form} form differs from the slice by {gap:.2g} in a logit (allowed"
            f" {TOLERANCE:.0e}); this is a fault of the adapter or of instatune, please report it"
        )


def _plain_model(shop: Workshop) -> dict[str, dict[str, list[float]]]:
    """The fine-tuned original on both splits: what every sub-network is compared with."""
    model = shop.model_from("teacher").to(shop.device)
    original = Supernet(model, shop.anatomy, space(shop), shop.adapter.logits)
    size, limit = shop.plan.spec.search.batch_size, shop.plan.spec.search.examples
    splits = {
        "search": shop.batches("search", size, limit=limit),
        "test": shop.batches("test", size),
    }
    return {split: _scores(shop, original, batches) for split, batches in splits.items()}


def _scores(shop: Workshop, supernet: Supernet, batches: BatchPlan) -> dict[str, list[float]]:
    """What the objectives that score data say of the whole model."""
    bench = SplitBench(
        supernet=supernet,
        task=shop.task,
        batches=batches.cached(),
        precision=lambda: shop.precision("fp32"),
        labels=shop.splits.labels,
    )
    found: dict[str, list[float]] = {}
    for part in shop.plan.objectives:
        if cast("ObjectiveEntry", part.entry).cost == "dataset":
            told: list[Measurement] = []
            shop.objectives[part.name].measure([supernet.space.largest], bench, told.append)
            found[part.name] = list(attrs.astuple(told[0]))
    return found


def _probes(shop: Workshop) -> list[Batch]:
    plan = shop.batches("search", shop.plan.spec.search.batch_size)
    picked = [plan[index] for index in range(0, len(plan), max(1, len(plan) // _PROBES))][:_PROBES]
    return [{name: tensor.to(shop.device) for name, tensor in b.items()} for b in picked]


def _logits(shop: Workshop, model: nn.Module, batches: list[Batch]) -> Tensor:
    model.eval()
    with torch.inference_mode():
        # Flat, since batches of a language model differ in their number of tokens.
        return torch.cat([shop.logits(model, batch).float().cpu().flatten() for batch in batches])


def _told(shop: Workshop, task: str, rows: list[Row]) -> Iterator[Row]:
    start = Progress(stage="verify", task=task, done=0, total=len(rows), unit="network")
    return shop.events.counted(start, rows)


def _reads(shop: Workshop) -> Any:
    return {"tolerance": TOLERANCE, "plain": "by objective"}


STAGE = Stage(
    name="verify",
    about="prove the networks exact, score them",
    reads=_reads,
    run=_run,
    writes=files("verified.json"),
)

"""tune: fine-tune all sub-networks at once with shared weights (InstaTune, Equation 1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from instatune.engine.gradients import ProjectSub, combiner
from instatune.engine.inside import Watcher
from instatune.engine.loss import ElasticStep, elastic_backward
from instatune.engine.scoring import accuracy
from instatune.engine.stages.order import permutation, space
from instatune.engine.stages.stage import Outcome, Stage, files, recipe, spelled
from instatune.engine.stages.teach import CURVE_EXAMPLES
from instatune.engine.teacher import Teacher
from instatune.engine.training import Training, keep, train
from instatune.engine.workshop import Workshop
from instatune.errors import SpaceError
from instatune.interfaces import Batch, CurvePoint, Gauge, Moment
from instatune.space import Architecture, SearchSpace
from instatune.space.counting import macs
from instatune.spec.bits import unoffered
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.calibration import statistics
from instatune.supernet.supernet import Supernet


def _reads(shop: Workshop) -> Any:
    settings = recipe(shop.plan.spec.tune)
    # Left out at its default, so that runs from before there was a choice stay finished.
    if settings["gradients"] == "sum":
        del settings["gradients"]
    return {
        "tune": settings,
        "sampler": spelled(shop.plan.sampler),
        "loss": spelled(shop.plan.schedule),
    }


def _run(shop: Workshop) -> Outcome:
    settings = shop.plan.spec.tune
    supernet = _untuned(shop)
    teacher = Teacher.of(shop) if shop.schedule.uses_teacher(settings.epochs) else None
    watched = _watched(supernet.space, shop.seed("curve"))
    batches = partial(shop.batches, "train", settings.batch_size)
    total = settings.epochs * len(batches(0))
    combine = combiner(settings.gradients, supernet.model.parameters())
    step = _stepper(shop, supernet, teacher, min(total, settings.max_steps or total), combine)
    training = Training(
        stage="tune",
        key=shop.keys["tune"],
        model=supernet.model,
        settings=settings,
        batches=batches,
        step=step,
        score=lambda epoch: _points(shop, supernet, watched, epoch),
        curve_points=settings.curve_points,
        seed=shop.plan.spec.seed,
        accelerator=shop.accelerator,
        checkpoint=shop.folder.supernet / "checkpoint.pt",
        progress=shop.events.progress,
    )
    position = train(training)
    shop.folder.reopen("tune")
    keep(training, position)
    last = {point.series: point.value for point in position.curve}
    scores = ", ".join(f"{series} {value:.1%}" for series, value in last.items())
    text = f"{position.step:,} steps in {position.seconds:.0f} s; {scores}{_conflicts(combine)}"
    return Outcome(text, position.earlier_seconds, scratch=(training.checkpoint,))


def _conflicts(combine: ProjectSub | None) -> str:
    """How often gradients conflicted, in this try of the stage; nothing if nobody looked."""
    if combine is None or not combine.passes:
        return ""
    return f"; {combine.conflict_rate:.0%} of {combine.passes:,} sub-network gradients conflicted"


def tuned(shop: Workshop) -> Supernet:
    """The super-network that this stage made, on its device, in eval mode.

    Its space holds the genes of bits too, which tuning does not know of.
    """
    model = shop.model_from("supernet").to(shop.device)
    return Supernet(model, shop.anatomy, searched(shop), shop.adapter.logits)


def searched(shop: Workshop) -> SearchSpace:
    """The elastic dimensions, together with the bits of modules where these are searched."""
    elastic = space(shop)
    if shop.plan.quantizer is None:
        return elastic
    made = [gene for dimension in shop.quantizing for gene in dimension.genes(shop.anatomy)]
    whole = search_space(shop.anatomy, (*elastic.genes, *made), dict(elastic.priority))
    for text in unoffered(whole, shop.plan.quantizer):
        raise SpaceError(f"quantizer: {text}")
    return attrs.evolve(whole, full_units=dict(elastic.full_units))


def _untuned(shop: Workshop) -> Supernet:
    from_teacher = shop.plan.spec.tune.start == "teacher"
    model = shop.model_from("teacher") if from_teacher else shop.pretrained()
    permute.apply(model, shop.anatomy, permutation(shop))
    return Supernet(model.to(shop.device), shop.anatomy, space(shop), shop.adapter.logits)


def _stepper(
    shop: Workshop,
    supernet: Supernet,
    teacher: Teacher | None,
    total: int,
    combine: ProjectSub | None,
) -> Callable[[Batch, Moment], dict[str, float]]:
    """One training step: draw networks, then Equation 1 network by network."""
    settings = shop.plan.spec.tune

    def logits(architecture: Architecture, batch: Batch) -> Tensor:
        with supernet.active(architecture), shop.precision(settings.precision):
            return supernet.logits(batch).float()

    terms = shop.schedule.inner_terms(settings.epochs)
    elastic = ElasticStep(
        logits=logits,
        task_loss=shop.task.loss,
        schedule=shop.schedule,
        backward=shop.accelerator.backward,
        combine=combine,
        watcher=Watcher(supernet.model, supernet.anatomy, terms) if terms else None,
    )
    count = partial(supernet.space.count, macs(supernet.anatomy))

    def loss(architecture: Architecture, batch: Batch) -> float:
        supernet.model.eval()
        try:
            with torch.no_grad(), supernet.active(architecture):
                # What training left in batch normalisations says nothing of this network.
                own = statistics(supernet.model, (batch,), supernet.forward)
                with own.standing(), shop.precision(settings.precision):
                    return float(shop.task.loss(supernet.logits(batch).float(), batch))
        finally:
            supernet.model.train()

    def step(batch: Batch, moment: Moment) -> dict[str, float]:
        rng = np.random.default_rng(shop.seed("draw", moment.step))
        gauge = Gauge(macs=count, loss=lambda architecture: loss(architecture, batch))
        draws = shop.sampler.draw_with(gauge, supernet.space, moment.step, total, rng)
        needed = teacher is not None and any(
            shop.schedule.weights(moment, draw.role).teacher for draw in draws
        )
        taught = teacher.logits(batch) if teacher is not None and needed else None
        return elastic_backward(
            step=elastic, draws=draws, batch=batch, teacher=taught, moment=moment
        )

    return step


def _watched(space: SearchSpace, seed: int) -> dict[str, Architecture]:
    """The networks of the training curve; the random one is the same at all points."""
    drawn = space.decode(space.sample(np.random.default_rng(seed), 1))[0]
    return {"full": space.largest, "random": drawn, "smallest": space.smallest}


def _points(
    shop: Workshop, supernet: Supernet, watched: dict[str, Architecture], epoch: float
) -> list[CurvePoint]:
    settings = shop.plan.spec.tune
    batches = shop.batches("search", settings.batch_size, limit=CURVE_EXAMPLES)
    points = []
    for series, architecture in watched.items():
        own = shop.calibration.of(supernet, architecture)
        with supernet.active(architecture, own), shop.precision(settings.precision):
            score = accuracy(supernet.logits, batches, shop.task, shop.device)
        points.append(CurvePoint(stage="tune", epoch=epoch, series=series, value=score.value))
    return points


STAGE = Stage(
    name="tune",
    about="fine-tune all sub-networks at once",
    reads=_reads,
    run=_run,
    writes=files("supernet/model.safetensors", "supernet/curve.json"),
)

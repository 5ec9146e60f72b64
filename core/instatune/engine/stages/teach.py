"""teach: fine-tune the original model, which is both the baseline and the strong teacher."""

from __future__ import annotations

from typing import Any

from torch import nn

from instatune.engine.scoring import accuracy
from instatune.engine.stages.stage import Outcome, Stage, files, recipe
from instatune.engine.training import Training, keep, train
from instatune.engine.workshop import Workshop
from instatune.errors import TrainingError
from instatune.interfaces import Batch, CurvePoint

CURVE_EXAMPLES = 512  # of the search split: enough for a curve, cheap enough to draw many points


def _reads(shop: Workshop) -> Any:
    return {"teach": recipe(shop.plan.spec.teach), "device": shop.plan.spec.device}


def _run(shop: Workshop) -> Outcome:
    model = shop.pretrained().to(shop.device)
    settings = shop.plan.spec.teach
    training = Training(
        stage="teach",
        key=shop.keys["teach"],
        model=model,
        settings=settings,
        batches=lambda epoch: shop.batches("train", settings.batch_size, epoch),
        step=lambda batch, moment: _step(shop, model, batch),
        score=lambda epoch: [_point(shop, model, epoch)],
        curve_points=shop.plan.spec.tune.curve_points,
        seed=shop.plan.spec.seed,
        accelerator=shop.accelerator,
        checkpoint=shop.folder.teacher / "checkpoint.pt",
        progress=shop.events.progress,
    )
    position = train(training)
    shop.folder.reopen("teach")
    for stale in shop.folder.teacher.glob("logits-*"):  # of the teacher before
        stale.unlink(missing_ok=True)
    keep(training, position)
    last = f", {position.curve[-1].value:.1%} accuracy on search data" if position.curve else ""
    text = f"{position.step:,} steps in {position.seconds:.0f} s{last}"
    return Outcome(text, position.earlier_seconds, scratch=(training.checkpoint,))


def _step(shop: Workshop, model: nn.Module, batch: Batch) -> dict[str, float]:
    with shop.precision(shop.plan.spec.teach.precision):
        loss = shop.task.loss(shop.logits(model, batch).float(), batch)
    value = float(loss.detach())
    if value != value or value in (float("inf"), float("-inf")):
        raise TrainingError(
            f"teach: the loss is {value}; use a smaller teach.lr, precision: fp32, or look for"
            " damaged examples"
        )
    shop.accelerator.backward(loss)
    return {"loss": value}


def _point(shop: Workshop, model: nn.Module, epoch: float) -> CurvePoint:
    settings = shop.plan.spec.teach
    batches = shop.batches("search", settings.batch_size, limit=CURVE_EXAMPLES)
    with shop.precision(settings.precision):
        score = accuracy(lambda b: shop.logits(model, b), batches, shop.task, shop.device)
    return CurvePoint(stage="teach", epoch=epoch, series="plain", value=score.value)


STAGE = Stage(
    name="teach",
    about="fine-tune the original: baseline and teacher",
    reads=_reads,
    run=_run,
    writes=files("teacher/model.safetensors", "teacher/curve.json"),
)

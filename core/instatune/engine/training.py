"""The training loop that teaching and tuning share.

It is stateless between steps but for weights and optimiser: the batch, the dropout masks, the drawn
networks and the learning rate are functions of (seed, step). That is what makes a training that was
killed and resumed equal to one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch
from torch import nn

from instatune.engine import checkpoint
from instatune.engine.checkpoint import Position
from instatune.engine.seeds import derive
from instatune.engine.weights import save_weights
from instatune.errors import TrainingError
from instatune.files import write_json
from instatune.interfaces import Batch, CurvePoint, Moment, Progress

if TYPE_CHECKING:
    from accelerate import Accelerator

    from instatune.engine.batches import BatchPlan
    from instatune.spec.model import TrainingSection


@attrs.frozen(kw_only=True, slots=False)
class Training:
    """One training to be done.

    Attributes:
        stage: Name of the stage, for progress and seeds.
        key: Key of the stage: a checkpoint of another key is not resumed.
        model: Trained in place, on the accelerator's device.
        settings: Epochs, rates and the like.
        batches: Gives the batches of an epoch.
        step: Runs forward and backward for one batch; returns losses by name.
        score: Measures the networks of the training curve after some steps; None for no curve.
        curve_points: How often to score, the start not counted.
        seed: Seed of the run.
        accelerator: Device, backward and clipping.
        checkpoint: Where to keep checkpoints.
        progress: Told after every step.
    """

    stage: str
    key: str
    model: nn.Module
    settings: TrainingSection
    batches: Callable[[int], BatchPlan]
    step: Callable[[Batch, Moment], dict[str, float]]
    score: Callable[[float], list[CurvePoint]] | None = None
    curve_points: int = 0
    seed: int
    accelerator: Accelerator
    checkpoint: Path
    progress: Callable[[Progress], None]

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return len(self.batches(0))

    @property
    def total_steps(self) -> int:
        """Optimiser steps in all."""
        total = self.settings.epochs * self.steps_per_epoch
        return min(total, self.settings.max_steps or total)


def train(training: Training) -> Position:
    """Train to the end, from the last checkpoint if there is one.

    Returns:
        The final position, with the curve and the seconds of all tries.

    Raises:
        TrainingError: The loss or a weight is not a number.
        StoreError: A damaged checkpoint, or no space for a new one.
    """
    optimizer = _adamw(training)
    found = checkpoint.restore(training.checkpoint, training.key, training.model, optimizer)
    loop = _Loop(training, optimizer, found or Position())
    try:
        loop.run()
    except KeyboardInterrupt:
        loop.save()
        raise
    _require_finite(training)
    return loop.position


def keep(training: Training, position: Position) -> None:
    """Write weights and curve beside the checkpoint.

    The checkpoint stays until the stage is on record: the disk may be full, the process killed.
    """
    folder = training.checkpoint.parent
    save_weights(training.model, folder / "model.safetensors")
    write_json(folder / "curve.json", [attrs.asdict(point) for point in position.curve])


def learning_rate(settings: TrainingSection, step: int, total: int) -> float:
    """Linear warm-up to ``settings.lr``, then linear decay to zero, for a step from 0."""
    warm = max(1, round(settings.warmup * total))
    if step < warm:
        return settings.lr * (step + 1) / warm
    return settings.lr * max(0.0, (total - step) / max(1, total - warm))


def _require_finite(training: Training) -> None:
    """The loss tells of weights that are not finite one step later: too late after the last one."""
    broken = [n for n, p in training.model.named_parameters() if not bool(p.isfinite().all())]
    if broken:
        training.checkpoint.unlink(missing_ok=True)  # to go on from it would end here again
        raise TrainingError(
            f"{training.stage}: {len(broken)} tensors are not finite after the last step, the first"
            f" is {broken[0]}; use a smaller {training.stage}.lr or precision: fp32"
        )


def _adamw(training: Training) -> torch.optim.AdamW:
    parameters = [p for p in training.model.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": training.settings.weight_decay,
        },
        # Biases and norms are not decayed, as is usual for transformers.
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=training.settings.lr, fused=True)


class _Loop:
    """The running state of one training."""

    def __init__(
        self, training: Training, optimizer: torch.optim.Optimizer, start: Position
    ) -> None:
        self.training = training
        self.optimizer = optimizer
        self.position = start
        # Planning an epoch looks at every example, so a plan is kept while its epoch lasts.
        self._plan = lru_cache(maxsize=1)(training.batches)
        self._saved_at = time.monotonic()
        self._ticked_at = time.monotonic()
        self._between_steps = True

    def run(self) -> None:
        total = self.training.total_steps
        self._tell({})
        self._score(self.position.step)
        while self.position.step < total:
            losses = self._step()
            self._score(self.position.step)
            self._tell(losses)
            if time.monotonic() - self._saved_at >= self.training.settings.checkpoint_seconds:
                self.save()

    def save(self) -> None:
        """Write a checkpoint, unless a step was cut in half: the last one then stays."""
        if not self._between_steps:
            return
        self._tick()
        checkpoint.save(
            self.training.checkpoint,
            self.training.key,
            self.position,
            self.training.model,
            self.optimizer,
        )
        self._saved_at = time.monotonic()

    def _step(self) -> dict[str, float]:
        training, step = self.training, self.position.step
        epoch, index = divmod(step, training.steps_per_epoch)
        # Before the batch is made: what ``collate`` augments at random is a function of it too.
        torch.manual_seed(derive(training.seed, training.stage, "step", step))
        batch = self._on_device(self._plan(epoch)[index])
        training.model.train()
        moment = Moment(
            step=step,
            total_steps=training.total_steps,
            epoch=epoch,
            epochs=training.settings.epochs,
        )
        losses = training.step(batch, moment)
        training.accelerator.clip_grad_norm_(
            training.model.parameters(), training.settings.clip_norm
        )
        rate = learning_rate(training.settings, step, training.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._between_steps = False
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.position = attrs.evolve(self.position, step=step + 1)
        self._between_steps = True
        return losses

    def _score(self, step: int) -> None:
        training = self.training
        if training.score is None or training.curve_points == 0:
            return
        every = max(1, training.total_steps // training.curve_points)
        epoch = step / training.steps_per_epoch
        done = bool(self.position.curve) and self.position.curve[-1].epoch == epoch
        if done or (step % every and step != training.total_steps):
            return
        training.model.eval()
        points = training.score(epoch)
        self.position = attrs.evolve(self.position, curve=(*self.position.curve, *points))

    def _on_device(self, batch: Batch) -> Batch:
        device = self.training.accelerator.device
        return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}

    def _tell(self, losses: dict[str, float]) -> None:
        step, training = self.position.step, self.training
        epoch = step / training.steps_per_epoch
        self._tick()
        training.progress(
            Progress(
                stage=training.stage,
                task="train",
                done=step,
                total=training.total_steps,
                values={"epoch": epoch, **losses},
            )
        )

    def _tick(self) -> None:
        now = time.monotonic()
        seconds = self.position.seconds + now - self._ticked_at
        self.position = attrs.evolve(self.position, seconds=seconds)
        self._ticked_at = now

"""The loss of one step of elastic training, and its backward passes.

Equation 1 of InstaTune (arXiv 2308.15609) is a sum over networks: the super-network S and the
sampled sub-networks S_i. S teaches S_i with detached logits, so no gradient flows between networks
and the sum is differentiated term by term: forward and backward of S, then of each S_i. Only one
graph is in memory at a time, and the gradients are those of the whole sum. The weights of the terms
come from a :class:`Schedule`; the sum over sub-networks is literal, not a mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import attrs
import torch
from torch import Tensor

from instatune.engine.gradients import ProjectSub
from instatune.errors import PluginError, TrainingError
from instatune.interfaces import Batch, Draw, LossWeights, Moment, Role, Schedule
from instatune.space import Architecture


@attrs.frozen(kw_only=True)
class ElasticStep:
    """The parts of a step that stay the same during a training.

    Attributes:
        logits: Activates a network and runs it: ``[examples, outputs]`` with a graph. The backward
            pass comes after the activation has ended; the graph holds the views.
        task_loss: Loss on the labels, scalar, mean over the batch.
        schedule: Weights of the terms, and the distance between two networks.
        backward: Adds the gradients of a scalar, e.g. ``accelerator.backward``.
        combine: Takes the gradients of each network and combines them; None to add them up.
    """

    logits: Callable[[Architecture, Batch], Tensor]
    task_loss: Callable[[Tensor, Batch], Tensor]
    schedule: Schedule
    backward: Callable[[Tensor], None]
    combine: ProjectSub | None = None


def elastic_backward(
    *,
    step: ElasticStep,
    draws: Sequence[Draw],
    batch: Batch,
    teacher: Tensor | None,
    moment: Moment,
) -> dict[str, float]:
    """Add the gradients of one step to the shared weights.

    Args:
        step: The parts of the step.
        draws: Networks to train; the largest, if there, is the first.
        batch: Labelled examples on the networks' device.
        teacher: The teacher's logits for this batch, None if no term uses them.
        moment: Where training stands.

    Returns:
        Loss by role, averaged over the networks that play it (for people: what is differentiated
        is the sum); ``conflicts``, the share of conflicting gradients so far, if they are combined.

    Raises:
        PluginError: Sampler and schedule do not fit, or a weight is no weight.
        TrainingError: A loss is not finite; no optimiser step should follow.
    """
    passes = _Passes(step=step, batch=batch, teacher=teacher, moment=moment)
    for draw in draws:
        passes.add(draw)
    return passes.report() | passes.combined()


class _Passes:
    """Forward and backward of the networks of one step, one after the other."""

    def __init__(
        self, *, step: ElasticStep, batch: Batch, teacher: Tensor | None, moment: Moment
    ) -> None:
        self.step, self.batch, self.moment = step, batch, moment
        self.teacher = None if teacher is None else teacher.detach()
        self.supernet: Tensor | None = None
        self.losses: list[tuple[str, Tensor]] = []

    def add(self, draw: Draw) -> None:
        """Run one network and add its gradients."""
        weights = self.step.schedule.weights(self.moment, draw.role)
        self._check(weights, draw)
        learns = bool(weights.task or weights.teacher or weights.supernet)
        # A largest network that learns nothing may still have to teach the others.
        if learns or (draw.role == "largest" and self._teaches()):
            with torch.set_grad_enabled(learns):
                logits = self.step.logits(draw.architecture, self.batch)
            if learns:
                loss = self._loss(logits, weights, draw)
                self.step.backward(loss)
                self.losses.append((draw.role, loss.detach()))
            if draw.role == "largest":
                self.supernet = logits.detach()
        if self.step.combine is not None:
            self.step.combine.take(draw.role)

    def combined(self) -> dict[str, float]:
        """Give the weights their gradient, if it is not there yet."""
        if self.step.combine is None:
            return {}
        self.step.combine.give()
        return {"conflicts": self.step.combine.conflict_rate}

    def report(self) -> dict[str, float]:
        """Losses by role; the one place that waits for the device."""
        if not self.losses:
            raise PluginError(
                f"loss schedule: step {self.moment.step} trains nothing, every term of every drawn "
                "network has weight 0; give the task, the teacher or the super-network a weight"
            )
        values = torch.stack([loss.float() for _, loss in self.losses]).tolist()
        by_role: dict[str, list[float]] = {}
        for (role, _), value in zip(self.losses, values, strict=True):
            if not isfinite(value):
                raise self._not_finite(role, value)
            by_role.setdefault(role, []).append(value)
        return {role: sum(found) / len(found) for role, found in by_role.items()}

    def _loss(self, logits: Tensor, weights: LossWeights, draw: Draw) -> Tensor:
        """Weighted sum of the terms; a term of weight 0 is never computed."""
        terms: list[Tensor] = []
        if weights.task:
            terms.append(weights.task * self.step.task_loss(logits, self.batch))
        if weights.teacher:
            terms.append(weights.teacher * self._to_teacher(logits, weights, draw))
        if weights.supernet:
            terms.append(weights.supernet * self._to_supernet(logits, weights, draw))
        return torch.stack([term.float() for term in terms]).sum()

    def _teaches(self) -> bool:
        """Whether a network of this step may learn from the largest one."""
        roles: tuple[Role, ...] = ("sampled", "smallest")
        return any(self.step.schedule.weights(self.moment, role).supernet for role in roles)

    def _to_teacher(self, logits: Tensor, weights: LossWeights, draw: Draw) -> Tensor:
        if self.teacher is None:
            raise PluginError(
                f"loss schedule: step {self.moment.step} gives the teacher weight "
                f"{weights.teacher} for the {draw.role} network, but there is no teacher; "
                "its uses_teacher must be true, or this weight 0"
            )
        if self.teacher.shape != logits.shape:
            raise TrainingError(
                f"the teacher's logits have shape {list(self.teacher.shape)}, the network's "
                f"{list(logits.shape)}; use a teacher that was tuned on the same task"
            )
        return self.step.schedule.distance(logits, self.teacher, weights.temperature)

    def _to_supernet(self, logits: Tensor, weights: LossWeights, draw: Draw) -> Tensor:
        if self.supernet is None:
            raise PluginError(
                f"loss schedule: step {self.moment.step} lets the largest network teach the "
                f"{draw.role} one, but the sampler did not draw the largest before it; use a "
                "sampler that draws the largest first"
            )
        return self.step.schedule.distance(logits, self.supernet, weights.temperature)

    def _check(self, weights: LossWeights, draw: Draw) -> None:
        for name in ("task", "teacher", "supernet"):
            value = getattr(weights, name)
            if not isfinite(value) or value < 0:
                raise PluginError(
                    f"loss schedule: weight {value} of the {name} term for the {draw.role} network "
                    f"at step {self.moment.step}; weights are finite and not negative"
                )

    def _not_finite(self, role: str, value: float) -> TrainingError:
        return TrainingError(
            f"step {self.moment.step}: the loss of the {role} network is {value}; "
            "lower tune.lr, use precision: fp32, or check the data for broken examples"
        )

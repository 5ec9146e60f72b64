"""The loss of one step of elastic training, and its backward passes.

Equation 1 of InstaTune (arXiv 2308.15609) is a sum over networks: the super-network S and the
sampled sub-networks S_i. S teaches S_i with detached logits, so no gradient flows between networks
and the sum is differentiated term by term: forward and backward of S, then of each S_i. Only one
graph is in memory at a time, and the gradients are those of the whole sum. The weights of the terms
come from a :class:`Schedule`; the sum over sub-networks is literal, not a mean.

Two more terms may be added for a sub-network: distances of hidden states and of attention relations
to those of S in the same step (:mod:`instatune.engine.inner_loss`). S is chosen over the separate
teacher because it has just run, and because its heads stand in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite

import attrs
import torch
from torch import Tensor

from instatune.engine.gradients import ProjectSub
from instatune.engine.inner_loss import hidden_distance, relation_distance
from instatune.engine.inside import Inside, Watcher
from instatune.errors import PluginError, TrainingError
from instatune.interfaces import Batch, Draw, InnerTerm, LossWeights, Moment, Role, Schedule
from instatune.space import Architecture

_INNER: tuple[InnerTerm, ...] = ("hidden", "relation")
_TERMS = ("task", "teacher", "supernet", *_INNER)
_OTHERS: tuple[Role, ...] = ("sampled", "smallest")


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
        watcher: Looks inside of networks; None if no term compares what happens there.
    """

    logits: Callable[[Architecture, Batch], Tensor]
    task_loss: Callable[[Tensor, Batch], Tensor]
    schedule: Schedule
    backward: Callable[[Tensor], None]
    combine: ProjectSub | None = None
    watcher: Watcher | None = None


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
        self.inside: Inside | None = None
        self.losses: list[tuple[str, Tensor]] = []

    def add(self, draw: Draw) -> None:
        """Run one network and add its gradients."""
        weights = self.step.schedule.weights(self.moment, draw.role)
        self._check(weights, draw)
        learns = any(getattr(weights, term) for term in _TERMS)
        # A largest network that learns nothing may still have to teach the others.
        if learns or (draw.role == "largest" and self._teaches("supernet", *_INNER)):
            with torch.set_grad_enabled(learns), self._watched(weights, draw) as inside:
                logits = self.step.logits(draw.architecture, self.batch)
            if inside is not None and draw.role == "largest":
                inside = inside.detached(last_attention=self._last_attention())
            if learns:
                loss = self._loss(logits, inside, weights, draw)
                self.step.backward(loss)
                self.losses.append((draw.role, loss.detach()))
            if draw.role == "largest":
                self.supernet, self.inside = logits.detach(), inside
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

    def _loss(
        self, logits: Tensor, inside: Inside | None, weights: LossWeights, draw: Draw
    ) -> Tensor:
        """Weighted sum of the terms; a term of weight 0 is never computed."""
        terms: list[Tensor] = []
        if weights.task:
            terms.append(weights.task * self.step.task_loss(logits, self.batch))
        if weights.teacher:
            terms.append(weights.teacher * self._to_teacher(logits, weights, draw))
        if weights.supernet:
            terms.append(weights.supernet * self._to_supernet(logits, weights, draw))
        if weights.hidden or weights.relation:
            terms.extend(self._to_inside(inside, weights, draw))
        return torch.stack([term.float() for term in terms]).sum()

    def _teaches(self, *terms: str) -> bool:
        """Whether a network of this step may learn from the largest one by one of these terms."""
        others = [self.step.schedule.weights(self.moment, role) for role in _OTHERS]
        return any(getattr(weights, term) for weights in others for term in terms)

    def _last_attention(self) -> bool:
        """Whether no network of this step asks for more than the last attention."""
        others = [self.step.schedule.weights(self.moment, role) for role in _OTHERS]
        return all(weights.relation_layers == "last" for weights in others)

    @contextmanager
    def _watched(self, weights: LossWeights, draw: Draw) -> Iterator[Inside | None]:
        """Look inside of a network as far as terms need it; there are no hooks if none does."""
        largest = draw.role == "largest"
        terms = [t for t in _INNER if (self._teaches(t) if largest else getattr(weights, t))]
        if not terms:
            yield None
            return
        if self.step.watcher is None:
            raise PluginError(
                f"loss schedule: step {self.moment.step} gives {' and '.join(terms)} a weight, but "
                "nothing was prepared to look inside of networks; its inner_terms must name them, "
                "or their weights be 0"
            )
        with self.step.watcher.watching(terms) as inside:
            yield inside

    def _to_inside(
        self, inside: Inside | None, weights: LossWeights, draw: Draw
    ) -> Iterator[Tensor]:
        if self.inside is None or inside is None:
            raise self._not_before(draw)
        mask = self.batch.get("attention_mask")
        mask = None if mask is None else mask.flatten(0, -2)  # choices of an example are rows
        if weights.hidden:
            yield weights.hidden * hidden_distance(inside, self.inside, mask)
        if weights.relation:
            heads, layers = weights.relation_heads, weights.relation_layers
            yield weights.relation * relation_distance(inside, self.inside, mask, heads, layers)

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
            raise self._not_before(draw)
        return self.step.schedule.distance(logits, self.supernet, weights.temperature)

    def _not_before(self, draw: Draw) -> PluginError:
        return PluginError(
            f"loss schedule: step {self.moment.step} lets the largest network teach the "
            f"{draw.role} one, but the sampler did not draw the largest before it; use a "
            "sampler that draws the largest first"
        )

    def _check(self, weights: LossWeights, draw: Draw) -> None:
        for name in _TERMS:
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

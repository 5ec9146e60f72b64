"""Schedule: the weights of the terms in the training loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.interfaces.sampler import Role

InnerTerm: TypeAlias = Literal["hidden", "relation"]
"""A term of the loss that compares what happens inside of two networks."""

RelationLayers: TypeAlias = Literal["last", "all"]
"""Whose attention the relation term compares: of the last layers, or of each layer that is kept."""


@attrs.frozen(kw_only=True)
class Moment:
    """Where training stands.

    Attributes:
        step: Optimiser step, from 0.
        total_steps: Length of the training.
        epoch: Epoch, from 0.
        epochs: Number of epochs.
    """

    step: int
    total_steps: int
    epoch: int
    epochs: int


@attrs.frozen(kw_only=True)
class LossWeights:
    """Weights of the terms for one network in one step.

    Attributes:
        task: Of the task loss on the labels.
        teacher: Of the distance to the separately fine-tuned teacher.
        supernet: Of the distance to the largest network of this step, whose logits are detached.
        temperature: Softening ρ of both distances, above 0.
        hidden: Of the distance of hidden states to those of the largest network of this step.
        relation: Of the distance of attention relations to those of that network.
        relation_heads: Heads that queries, keys and values are split into for it, at most.
        relation_layers: Whose relations are compared.
    """

    task: float
    teacher: float = 0.0
    supernet: float = 0.0
    temperature: float = 1.0
    hidden: float = 0.0
    relation: float = 0.0
    relation_heads: int = 12
    relation_layers: RelationLayers = "last"


class Schedule(ABC):
    """Says what each network of a step learns from."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for a network that plays ``role`` at ``moment``."""

    def uses_teacher(self, epochs: int) -> bool:
        """Whether the teacher has a weight in any epoch; if not, its logits are never computed."""
        return any(weights.teacher for weights in self._each(epochs))

    def inner_terms(self, epochs: int) -> frozenset[InnerTerm]:
        """Terms inside of networks that have a weight in any epoch; others need no preparation."""
        terms: tuple[InnerTerm, ...] = ("hidden", "relation")
        found = list(self._each(epochs))
        return frozenset(term for term in terms if any(getattr(w, term) for w in found))

    def _each(self, epochs: int) -> Iterator[LossWeights]:
        """Weights of all roles at the beginning of each epoch."""
        roles: tuple[Role, ...] = ("largest", "sampled", "smallest")
        for e in range(epochs):
            moment = Moment(step=e, total_steps=epochs, epoch=e, epochs=epochs)
            yield from (self.weights(moment, role) for role in roles)

    def distance(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Distance of two heads. The default is ``ρ² KL(teacher ‖ student)``.

        A single output is a number, not a distribution, and KL would be 0: there the default is
        the mean squared error, without ρ.

        Args:
            student: Logits ``[examples, classes]`` with a graph, or of a head that answers at each
                token ``[..., tokens, classes]``.
            teacher: Logits of the same shape without one.
            temperature: ρ.

        Returns:
            Scalar in nats, mean over examples or else over all tokens: also those without a label,
            and padding, where logits are 0 and so is the distance.

        Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
        """
        from torch.nn import functional

        if student.shape[-1] == 1:
            return functional.mse_loss(student.float(), teacher.float())
        rows = student.flatten(0, -2), teacher.flatten(0, -2)
        log_student, log_teacher = (
            functional.log_softmax(logits.float() / temperature, dim=-1) for logits in rows
        )
        divergence = functional.kl_div(
            log_student, log_teacher, reduction="batchmean", log_target=True
        )
        return divergence * temperature**2

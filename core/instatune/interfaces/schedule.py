"""Schedule: the weights of the terms in the training loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.interfaces.sampler import Role


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
    """

    task: float
    teacher: float = 0.0
    supernet: float = 0.0
    temperature: float = 1.0


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
        moments = (
            Moment(step=e, total_steps=epochs, epoch=e, epochs=epochs) for e in range(epochs)
        )
        return any(
            self.weights(m, role).teacher
            for m in moments
            for role in ("largest", "sampled", "smallest")
        )

    def distance(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Distance of two heads. The default is ``ρ² KL(teacher ‖ student)``.

        Args:
            student: Logits ``[examples, classes]`` with a graph, of a language model
                ``[examples, tokens, words]``.
            teacher: Logits of the same shape without one.
            temperature: ρ.

        Returns:
            Scalar in nats, mean over examples, of a language model over all tokens.

        Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
        """
        from torch.nn import functional

        rows = student.flatten(0, -2), teacher.flatten(0, -2)
        log_student, log_teacher = (
            functional.log_softmax(logits.float() / temperature, dim=-1) for logits in rows
        )
        divergence = functional.kl_div(
            log_student, log_teacher, reduction="batchmean", log_target=True
        )
        return divergence * temperature**2

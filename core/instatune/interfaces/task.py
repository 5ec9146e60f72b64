"""Task: data, loss and score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.interfaces.adapter import Batch

Example: TypeAlias = Mapping[str, Any]
"""A raw example, e.g. ``{"text": "...", "label": 2}``; labels are indices."""

Features: TypeAlias = Mapping[str, Any]
"""An encoded example, not yet a tensor, e.g. ``{"input_ids": [101, ...], "label": 2}``."""


@attrs.frozen(kw_only=True)
class Splits:
    """The data of a task.

    Attributes:
        train: To tune on.
        search: Carved from the training data; strategies and the choice of networks see only this.
        test: Looked at once, for the networks that search chose.
        labels: Names of the classes, by index; empty where outputs are words of a language model,
            or a number.
        fingerprint: Changes whenever any example changes; part of every stored measurement's key.
        description: One sentence for the report: what it is and where it comes from.
        outputs: Outputs that the model must have; None for one by label.
        facts: Plain data that users of an exported network need, e.g. how outputs are scaled.
    """

    train: Sequence[Example]
    search: Sequence[Example]
    test: Sequence[Example]
    labels: tuple[str, ...]
    fingerprint: str
    description: str = ""
    outputs: int | None = None
    facts: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def n_outputs(self) -> int:
        """What :meth:`Adapter.load` is asked for."""
        return len(self.labels) if self.outputs is None else self.outputs


class Task(ABC):
    """Brings data, says how wrong an output is, and scores it."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def load(self, seed: int) -> Splits:
        """Read the data.

        Args:
            seed: For carving the search split.

        Raises:
            DataError: Missing, empty, of a single class, or with labels that training lacks.
        """

    @abstractmethod
    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Turn raw examples into features with the adapter's processor."""

    @abstractmethod
    def collate(self, features: Sequence[Features]) -> Batch:
        """Join features into one padded batch that the adapter's ``logits`` takes, with labels."""

    @abstractmethod
    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss on the labels: scalar, mean over the batch."""

    @abstractmethod
    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """Score of each example in [0, 1], ``[examples]``; its mean is the accuracy."""

    def length(self, features: Features) -> int:
        """Size of an example, by which batches of like sizes are formed. Default: all alike."""
        return 1

    @property
    def deterministic(self) -> bool:
        """Whether encoding gives the same features in each epoch, so teachers can be cached."""
        return True

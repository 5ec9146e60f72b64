"""What predictions of latency share: they learn once, find out how good they are, and say so.

For the search a prediction is as good as a count: it costs nothing and is the same each time, so
the entries say ``cost="exact"``. How far it can be trusted is told by a cross validation over
networks, none of which is predicted from a measurement of itself.

Where samples come from: let a run measure ``latency``, as one of its objectives, in a search with
the strategy ``random``, on the device and in the runtime that count. Its run folder is ``samples``
as it is. A second run of the same spec measures the same networks again: given both, the report
also tells how well one round of measuring agrees with the next, which no prediction can exceed by
much. A table from elsewhere needs a column for each gene and one of times; in ``networks.csv`` of
the reporter ``csv`` the latter is called ``latency_search``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError
from instatune.interfaces import ExactObjective
from instatune.metrics.statistics import kendall, mape
from instatune_plugins.objectives.latency_samples import Samples, digest, read_samples

if TYPE_CHECKING:
    from instatune.space import Anatomy, Gene, SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.objectives.latency_config import SamplesConfig

Array: TypeAlias = "NDArray[np.float64]"
Model: TypeAlias = "Callable[[Genotypes], Array]"
"""Seconds ``[rows]`` of genotypes ``[rows, genes]``."""

_FEW = 8  # repeated networks that a rank correlation needs at least to say something


@attrs.frozen(kw_only=True)
class Trust:
    """How well unseen networks are predicted.

    Attributes:
        tau: Kendall's τ between measured and predicted times in cross validation.
        error: Mean relative error in it.
        ceiling: Kendall's τ between first and second measurements of the same networks; None where
            too few were measured twice.
    """

    tau: float
    error: float
    ceiling: float | None


class PredictedLatency(ExactObjective):
    """Learns from samples when it is first asked; what is left to say is how."""

    config: SamplesConfig

    def __init__(self, config: SamplesConfig) -> None:
        super().__init__(config)
        self._digest = ""
        self._last: tuple[SearchSpace, Model] | None = None
        self._note = ""

    @property
    def fingerprint(self) -> str:
        """Digest of the samples; see :attr:`Objective.fingerprint`."""
        self._digest = self._digest or digest(self.config.samples)
        return self._digest

    @property
    def note(self) -> str:
        """Size of the sample and quality of the fit; see :attr:`Objective.note`."""
        return self._note

    def exact(self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes) -> Array:
        """Predict seconds; see :meth:`ExactObjective.exact`.

        Raises:
            DataError: The samples are not of this space, or tell too little of it.
        """
        if self._last is None or not (self._last[0] is space or self._last[0] == space):
            self._last = (space, self._learned(space))
        return self._last[1](genotypes)

    @abstractmethod
    def learn(self, space: SearchSpace, genotypes: Genotypes, seconds: Array) -> Model:
        """Learn from networks ``[rows, genes]``, each once, and their times ``[rows]``."""

    def _learned(self, space: SearchSpace) -> Model:
        samples = read_samples(self.config, space)
        trust = self._trust(space, samples)
        self._note = _note(samples, trust, self.config.folds)
        if not trust.tau >= self.config.min_tau:
            raise DataError(
                f"{', '.join(self.config.samples)}: {self._note}, {self.config.min_tau:.2f} is"
                " asked for; give more samples from a quiet machine, or lower 'min_tau' if a rough"
                " guess will do"
            )
        return self.learn(space, samples.genotypes, samples.seconds)

    def _trust(self, space: SearchSpace, samples: Samples) -> Trust:
        rng = np.random.default_rng(self.config.seed)
        fold = rng.permutation(len(samples.seconds)) % self.config.folds
        predicted = np.empty(len(samples.seconds))
        for number in range(self.config.folds):
            out = fold == number
            model = self.learn(space, samples.genotypes[~out], samples.seconds[~out])
            predicted[out] = model(samples.genotypes[out])
        return Trust(
            tau=kendall(samples.seconds, predicted),
            error=mape(samples.seconds, predicted),
            ceiling=kendall(*samples.repeats.T) if len(samples.repeats) >= _FEW else None,
        )


def kind_of(gene: Gene) -> tuple[str | None, str]:
    """What genes of different layers have in common: stack, and name without the layer."""
    parts = gene.name.split(".")
    return gene.stack, ".".join(part for part in parts if part != str(gene.layer))


def _note(samples: Samples, trust: Trust, folds: int) -> str:
    left_out = f" ({samples.left_out} of another space left out)" if samples.left_out else ""
    text = (
        f"predicted from {samples.rows} measurements of {len(samples.seconds)} networks{left_out};"
        f" Kendall's τ {trust.tau:.2f} and a mean error of {trust.error:.1%} in {folds}-fold cross"
        " validation"
    )
    if trust.ceiling is None:
        return text
    return (
        f"{text}, where measuring {len(samples.repeats)} networks twice agrees to"
        f" τ {trust.ceiling:.2f}"
    )

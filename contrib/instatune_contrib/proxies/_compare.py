"""Running the full network and a candidate on the same few batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import islice
from math import sqrt
from typing import TYPE_CHECKING

import torch

from instatune.errors import DataError, SearchError, SpaceError
from instatune.interfaces import Bench, Measurement, Objective

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Architecture
    from instatune_contrib.proxies import ProxyConfig


class Comparison(Objective):
    """Mean over examples of some score of two heads; labels are never read."""

    config: ProxyConfig

    @abstractmethod
    def score(self, full: Tensor, candidate: Tensor) -> Tensor:
        """Compare logits ``[examples, classes]`` of both networks: ``[examples]``."""

    def measure(
        self,
        architectures: Sequence[Architecture],
        bench: Bench,
        done: Callable[[Measurement], None],
    ) -> None:
        """Compare each network with the full one; see :meth:`Objective.measure`.

        The full network runs once for all of them.

        Raises:
            DataError: The split is empty.
            SearchError: A network gives outputs that are not finite.
            SpaceError: The networks are no classifiers.
        """
        full = self._logits(bench.space.largest, bench)
        if full.shape[-1] < 2:
            raise SpaceError(
                f"proxies compare classes, but the network has {full.shape[-1]} output; "
                "use them with a classification task"
            )
        for architecture in architectures:
            done(_mean(self.score(full, self._logits(architecture, bench))))

    def _logits(self, architecture: Architecture, bench: Bench) -> Tensor:
        outputs = islice(bench.outputs(architecture), self.config.batches)
        logits = [found.float() for found, _ in outputs]
        if not logits:
            raise DataError("proxies: no example to run; give the split at least one")
        joined = torch.cat(logits)
        if not torch.isfinite(joined).all():
            raise SearchError(
                f"proxies: network {architecture.key} gives outputs that are not finite; tune "
                "with a lower lr or in fp32"
            )
        return joined


def _mean(scores: Tensor) -> Measurement:
    """Mean of ``[examples]`` with the standard error of the mean."""
    n = len(scores)
    values = scores.double()
    std = float(values.std(correction=0)) / sqrt(n)
    return Measurement(float(values.mean()), std, n)

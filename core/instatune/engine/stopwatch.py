"""Stopwatch: what networks take on this machine, from a few real batches.

Time is taken as proportional to the volume of a batch (examples times its longest length), and
between the measured networks as linear in MACs. Both hold well where matrix products dominate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from instatune.interfaces import Batch
from instatune.space import Architecture
from instatune.space.counting import macs

if TYPE_CHECKING:
    from instatune.engine.batches import BatchPlan
    from instatune.engine.workshop import SplitName, Workshop
    from instatune.supernet.supernet import Supernet

_ROUNDS = 12  # batches that are measured at most


@attrs.frozen(kw_only=True)
class Pace:
    """Seconds of one unit of volume, by the size of the network.

    Attributes:
        macs: Of the measured networks, ascending.
        seconds: For one unit of volume, alike.
    """

    macs: tuple[float, ...]
    seconds: tuple[float, ...]

    def of(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Seconds of networks with these MACs, same shape."""
        return np.interp(np.asarray(counts, dtype=np.float64), self.macs, self.seconds)


@attrs.frozen(kw_only=True)
class Paces:
    """Everything that was measured.

    Attributes:
        train: Forward and backward pass.
        infer: Forward pass for scores.
        read: Seconds to collate one unit of volume.
        update: Seconds of one optimiser step, clipping included.
    """

    train: Pace
    infer: Pace
    read: float
    update: float


@attrs.frozen(kw_only=True)
class Course:
    """A pass over a split.

    Attributes:
        batches: In their order.
        volumes: Of each batch: examples times the longest length among them.
    """

    batches: BatchPlan
    volumes: NDArray[np.float64]

    @classmethod
    def over(
        cls,
        shop: Workshop,
        split: SplitName,
        batch_size: int,
        epoch: int | None = None,
        limit: int | None = None,
    ) -> Course:
        """Plan a pass; arguments as :meth:`Workshop.batches`."""
        plan = shop.batches(split, batch_size, epoch, limit)
        lengths = [max(1, shop.task.length(f)) for f in shop.features(split)[:limit]]
        parts = [plan.indices(i) for i in range(len(plan))]
        volumes = [len(part) * max(lengths[j] for j in part) for part in parts]
        return cls(batches=plan, volumes=np.array(volumes, dtype=np.float64))

    @property
    def volume(self) -> float:
        """Of all batches."""
        return float(self.volumes.sum())


class Stopwatch:
    """Measures networks of one super-network, the largest first."""

    def __init__(
        self, shop: Workshop, supernet: Supernet, networks: Sequence[Architecture]
    ) -> None:
        """Take the networks to measure: a few of unlike sizes, the largest among them."""
        self.shop, self.supernet = shop, supernet
        space = supernet.space
        sizes = space.count(macs(supernet.anatomy), space.encode(list(networks)))
        order = np.argsort(sizes, kind="stable")
        self.networks = [networks[i] for i in order]
        self.sizes = tuple(float(sizes[i]) for i in order)

    def paces(self, train: Course, search: Course, seconds: float) -> Paces:
        """Measure for about this long, and at least one batch of each kind.

        Args:
            train: Batches to train on.
            search: Batches to score on.
            seconds: Time to spend; one batch may take longer.
        """
        update = self._update()
        trained, read = self._rounds(train, self._train, 0.6 * seconds)
        inferred, _ = self._rounds(search, self._infer, 0.3 * seconds)
        return Paces(train=trained, infer=inferred, read=read, update=update)

    def _rounds(
        self, course: Course, run: Callable[[Architecture, Batch], None], budget: float
    ) -> tuple[Pace, float]:
        """Time all networks on batches drawn at random; the ratio of sums is the pace."""
        rng = np.random.default_rng(self.shop.seed("stopwatch"))
        chosen = rng.permutation(len(course.batches))[:_ROUNDS].tolist()
        run(self.networks[-1], self._placed(course.batches[chosen[0]]))  # warm up
        taken, reading, volume = np.zeros(len(self.networks)), 0.0, 0.0
        ends = time.perf_counter() + budget
        for i in chosen:
            begin = time.perf_counter()
            batch = self._placed(course.batches[i])
            reading += self._since(begin)
            for index, network in enumerate(self.networks):
                begin = time.perf_counter()
                run(network, batch)
                taken[index] += self._since(begin)
            volume += course.volumes[i]
            if time.perf_counter() > ends:
                break
        # A larger network that seemed quicker was only lucky.
        paces = np.maximum.accumulate(taken / volume)
        return Pace(macs=self.sizes, seconds=tuple(paces.tolist())), reading / volume

    def _train(self, network: Architecture, batch: Batch) -> None:
        self.supernet.model.train()
        self.supernet.model.zero_grad(set_to_none=True)  # as after each step of a training
        with self.supernet.active(network), self.shop.precision(self.shop.plan.spec.tune.precision):
            logits = self.supernet.logits(batch).float()
        self.shop.accelerator.backward(self.shop.task.loss(logits, batch))

    def _infer(self, network: Architecture, batch: Batch) -> None:
        self.supernet.model.eval()
        precision = self.shop.precision(self.shop.plan.spec.search.precision)
        with torch.inference_mode(), self.supernet.active(network), precision:
            logits = self.supernet.logits(batch).float()
        self.shop.task.correct(logits, batch)

    def _update(self) -> float:
        """Seconds of clipping and of one step of AdamW over all weights."""
        parameters = [p for p in self.supernet.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=0.0, fused=True)  # the weights stay
        taken = []
        for _ in range(3):
            for parameter in parameters:
                parameter.grad = torch.zeros_like(parameter)
            begin = time.perf_counter()
            self.shop.accelerator.clip_grad_norm_(parameters, self.shop.plan.spec.tune.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            taken.append(self._since(begin))
        return min(taken)

    def _placed(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.shop.device) for name, tensor in batch.items()}

    def _since(self, begin: float) -> float:
        if self.shop.device.type == "cuda":
            torch.cuda.synchronize(self.shop.device)
        return time.perf_counter() - begin

"""The super-network: an original module that can be any of its sub-networks for a while.

Weight sharing as in "Slimmable Neural Networks" (Yu et al., ICLR 2019) and InstaTune
(arXiv 2308.15609): a sub-network keeps the first units of every group and some of the layers, and
computes with slices of the shared weights. Nothing is added to the model and no key of its state
dict changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor, nn

from instatune.errors import SpaceError
from instatune.interfaces import Batch
from instatune.space import Anatomy, Architecture, Group, SearchSpace
from instatune.supernet.calibration import Statistics
from instatune.supernet.fit import verify
from instatune.supernet.surgery import Layers, Surgeon, Units, detached_copy

_REMEMBERED = 4096  # meanings of architectures; a search comes back to the same ones often


class Supernet:
    """A full-size model with its search space.

    Attributes:
        model: The original module; it computes as ever while no sub-network is active.
        anatomy: Where things are in it.
        space: Which sub-networks there are.
        forward: Logits ``[examples, outputs]`` of the model on a batch.
    """

    def __init__(
        self,
        model: nn.Module,
        anatomy: Anatomy,
        space: SearchSpace,
        forward: Callable[[nn.Module, Batch], Tensor],
    ) -> None:
        """Check that the anatomy fits.

        Raises:
            CheckpointError: It does not; names the first tensor that differs.
        """
        verify(anatomy, model)
        self.model = model
        self.anatomy = anatomy
        self.space = space
        self.forward = forward
        self._surgeon = Surgeon(model, anatomy)
        self._kept = lru_cache(_REMEMBERED)(self._meaning)

    @contextmanager
    def active(
        self, architecture: Architecture, statistics: Statistics | None = None
    ) -> Iterator[nn.Module]:
        """Make the model compute as a sub-network until the context ends, by exception or not.

        Inside, its parameters are views of the shared ones, so that gradients reach these. An inner
        context may activate any other architecture; at its end the outer one is back. The largest
        architecture is the untouched model.

        Open it around the forward pass (and the backward pass where activations are recomputed), do
        not keep it open across a ``yield``: another user of the model would see the sub-network.
        Train flag, device and parameters are to be changed outside.

        Args:
            architecture: Of this space.
            statistics: Of this sub-network, for its batch normalisations; None for the shared ones.
                No inner context may be opened while they stand.

        Raises:
            SpaceError: The architecture is not of this space.
        """
        own = statistics or Statistics()
        with self._surgeon.sliced(*self._kept(architecture)), own.standing():
            yield self.model

    @contextmanager
    def masked(self, architecture: Architecture) -> Iterator[nn.Module]:
        """Like :meth:`active`, computed in another way: the proof that slicing is exact.

        All units are computed, but the weights that read those left out are zeroed. This is the
        same function where units do not meet before they are read; a normalisation across them (as
        in BEiT-3) would see the units left out, see :attr:`maskable`.
        """
        with self._surgeon.masked(*self._kept(architecture)):
            yield self.model

    @property
    def maskable(self) -> bool:
        """Whether :meth:`masked` is exact: no normalisation runs across units that may be cut."""
        elastic = {
            target
            for gene in self.space.genes
            if gene.effect == "width" and len(gene.choices) > 1
            for target in gene.targets
        }
        groups = (group for group in self.anatomy.groups if group.name in elastic)
        return not any(normalised(self.model, group) for group in groups)

    def extract(
        self, architecture: Architecture, statistics: Statistics | None = None
    ) -> nn.Module:
        """Cut a sub-network out: a small module of the same class that owns all its tensors.

        Its state dict has the keys of what is kept, layers numbered from 0. Train flag, device and
        ``requires_grad`` are those of the super-network; arguments as :meth:`active`.

        Raises:
            SpaceError: The architecture is not of this space.
        """
        # Under no_grad a view would forget that its parameter is trained.
        own = self.active(architecture, statistics)
        with torch.inference_mode(False), torch.enable_grad(), own as model:
            return detached_copy(model)

    def logits(self, batch: Batch) -> Tensor:
        """Run the model in its present form: ``[examples, outputs]``."""
        return self.forward(self.model, batch)

    def _meaning(self, architecture: Architecture) -> tuple[Units, Layers]:
        """Kept units and layers of an architecture that is checked to be of the space."""
        canonical = self.space.architecture(architecture.as_dict())
        if canonical != architecture:
            odd = sorted(set(canonical.values) ^ set(architecture.values))[0][0]
            raise SpaceError(
                f"architecture {architecture.as_dict()} is not canonical at gene {odd!r}; "
                "make architectures with SearchSpace.architecture"
            )
        return self.space.kept_units(architecture), self.space.kept_layers(architecture)


def normalised(model: nn.Module, group: Group) -> bool:
    """Whether a normalisation runs across the units of a group: it sees those left out by zeros.

    Norms are told by the names of their classes, as families bring their own; those of batches
    treat each channel alone.
    """
    owners = (model.get_submodule(cut.tensor.rpartition(".")[0]) for cut in group.cuts)
    names = {type(owner).__name__.lower() for owner in owners}
    return any("norm" in name and "batchnorm" not in name for name in names)

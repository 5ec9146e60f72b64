"""Quantization of the networks of a run: ranges once for each structure, then any policy at once.

How a network rounds depends on its policy, but what it is calibrated with does not: activation
ranges are gathered in full precision, once for each choice of heads, neurons and layers, and serve
all policies on it. So a candidate of a joint search costs one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import attrs

from instatune.interfaces import Batch, Policy, Quantizer, Ranges, Simulation
from instatune.space import Architecture, SearchSpace
from instatune.space.policy import policy_of, structure_of
from instatune.space.search_space import FULL_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from instatune.supernet.calibration import Statistics
    from instatune.supernet.supernet import Supernet

USUAL_BITS = 8
"""Bits of a network that is called quantized without further words."""

_REMEMBERED = 1024  # structures whose ranges are kept


class Quantization:
    """Simulates and makes quantized networks of one super-network."""

    def __init__(
        self,
        quantizer: Quantizer,
        supernet: Supernet,
        batches: Callable[[], Iterable[Batch]],
        statistics: Callable[[Architecture], Statistics],
    ) -> None:
        """Take what is needed; nothing is computed yet.

        Args:
            quantizer: What lowers bits.
            supernet: Tuned, with bits among its genes.
            batches: Gives training batches on the device of the super-network.
            statistics: Of the batch normalisations of a network.
        """
        self.quantizer = quantizer
        self.supernet = supernet
        self._batches = batches
        self._statistics = statistics
        self._ranges = lru_cache(_REMEMBERED)(self._observed)

    def policy(self, architecture: Architecture) -> Policy:
        """Bits by module name in a network, for those of less than 32."""
        return policy_of(self.supernet.space, self.supernet.anatomy, architecture)

    def ranges(self, architecture: Architecture) -> Ranges:
        """Activation ranges of a network, whatever its bits."""
        return self._ranges(structure_of(self.supernet.space, architecture))

    def simulation(self, architecture: Architecture) -> Simulation | None:
        """A network, prepared to be computed as if quantized; None in full precision."""
        policy = self.policy(architecture)
        if not policy:
            return None
        ranges = self.ranges(architecture)
        with self.supernet.active(architecture, self._statistics(architecture)) as model:
            return self.quantizer.simulation(model, policy, ranges)

    def lowered(self, model: nn.Module, architecture: Architecture) -> Policy:
        """The policy without what stays in full precision here: what is in force.

        Args:
            model: The extracted network.
            architecture: Its architecture.
        """
        policy = self.policy(architecture)
        if not policy:
            return {}
        left = set(self.quantizer.unsupported(model, policy, self.ranges(architecture)))
        return {module: bits for module, bits in policy.items() if module not in left}

    def quantized(self, model: nn.Module, architecture: Architecture) -> nn.Module | None:
        """An extracted network with quantized tensors; None in full precision."""
        policy = self.lowered(model, architecture)
        if not policy:
            return None
        return self.quantizer.quantize(model, policy, self.ranges(architecture)).eval()

    def unsupported(self) -> tuple[str, ...]:
        """Modules whose bits are searched in vain: in the largest network, by their names there."""
        space = self.supernet.space
        lowest = space.architecture({**space.largest.as_dict(), **Bits(space).low})
        policy, ranges = self.policy(lowest), self.ranges(lowest)
        with self.supernet.active(lowest) as model:
            return self.quantizer.unsupported(model, policy, ranges)

    def _observed(self, structure: Architecture) -> Ranges:
        import torch

        self.supernet.model.eval()
        own = self._statistics(structure)
        with torch.inference_mode(), self.supernet.active(structure, own) as model:
            return self.quantizer.observe(model, self.supernet.forward, self._batches())


@attrs.frozen(slots=False)
class Bits:
    """The bits of a search space, for people and for what searches begin with."""

    space: SearchSpace

    @cached_property
    def genes(self) -> tuple[str, ...]:
        """Names of the genes that set bits, in the order of the model."""
        return tuple(gene.name for gene in self.space.genes if gene.effect == "bits")

    @cached_property
    def low(self) -> Mapping[str, int]:
        """Every gene of bits at its smallest choice."""
        return {g.name: g.choices[0] for g in self.space.genes if g.effect == "bits"}

    @cached_property
    def usual(self) -> Mapping[str, int]:
        """Every gene of bits at what networks are usually quantized to: 8 where that is offered."""
        genes = (gene for gene in self.space.genes if gene.effect == "bits")
        return {g.name: USUAL_BITS if USUAL_BITS in g.choices else g.choices[0] for g in genes}

    @cached_property
    def high(self) -> Mapping[str, int]:
        """Every gene of bits at full precision."""
        return dict.fromkeys(self.genes, FULL_BITS)

    @cached_property
    def guarded(self) -> Mapping[str, int]:
        """As :attr:`usual`, but the first one in a layer and the last of all in full precision.

        What stands at the ends is hurt most by rounding; common practice leaves it alone. Look-up
        tables come before the layers: they are large and hardly hurt.
        """
        layered = {g.name for g in self.space.genes if g.effect == "bits" and g.layer is not None}
        first = next((name for name in self.genes if name in layered), self.genes[0])
        return {**self.usual, first: FULL_BITS, self.genes[-1]: FULL_BITS}

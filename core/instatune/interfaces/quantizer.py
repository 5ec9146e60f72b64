"""Quantizer: lower bit widths for the modules that multiply weights with activations.

A *policy* gives bits by module name, for modules of less than 32 bits only. Names are those of the
model as it stands: in a sub-network, active or extracted, layers are numbered from 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import nn

    from instatune.interfaces.adapter import Batch

Policy: TypeAlias = Mapping[str, int]
"""Bits by module name; a module that is not named stays as it is."""

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
"""Smallest and largest input by module name; plain numbers, so that they can be kept in JSON."""


class Simulation(Protocol):
    """A quantized network that was prepared once and can be computed with many times."""

    def standing(self) -> AbstractContextManager[None]:
        """Let the model compute as if quantized until the context ends, by exception or not.

        To be opened while the model is in the form that the simulation was prepared in.
        """


class Quantizer(ABC):
    """Applies a policy to a model."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @property
    def notice(self) -> str:
        """What its user should know of this machine, for the record of a run; may be empty."""
        return ""

    @abstractmethod
    def observe(
        self,
        model: nn.Module,
        forward: Callable[[nn.Module, Batch], object],
        batches: Iterable[Batch],
    ) -> Ranges:
        """Gather activation ranges of all modules that can be quantized and that ran.

        Args:
            model: In the form that is to be quantized, in float32; left as it was.
            forward: Runs the model on a batch.
            batches: Training examples, on the device of the model.

        Raises:
            DataError: There is no batch, or an input is not finite.
        """

    @abstractmethod
    def simulation(self, model: nn.Module, policy: Policy, ranges: Ranges) -> Simulation:
        """Prepare a model, in its present form, to compute as if quantized.

        Weights are read now and not again. A module that :meth:`unsupported` names stays as it is.

        Raises:
            PluginError: The policy names a module that the model does not have.
        """

    @abstractmethod
    def quantize(self, model: nn.Module, policy: Policy, ranges: Ranges) -> nn.Module:
        """Give a copy that holds quantized tensors; the model itself stays as it is.

        Its state dict holds all that was quantized in its low precision, and the activation ranges:
        :meth:`frame` and this state dict make the same network again. It can be traced by
        ``torch.export``. Arguments and errors as :meth:`simulation`.
        """

    @abstractmethod
    def frame(self, model: nn.Module, policy: Policy) -> nn.Module:
        """Give a copy of the form that :meth:`quantize` gives, tensors still to be filled in."""

    @abstractmethod
    def unsupported(self, model: nn.Module, policy: Policy, ranges: Ranges) -> tuple[str, ...]:
        """Names in the policy that stay in full precision here, in its order.

        These are modules of another class, without input in calibration, or without any weight.
        """

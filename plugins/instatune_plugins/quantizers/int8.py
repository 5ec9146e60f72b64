"""Static quantization after training, simulated in a search and stored as integers after it.

Weights are signed bytes with one scale for each output, activations unsigned bytes with one affine
grid for each module, from ranges that calibration met (Jacob et al., CVPR 2018, arXiv 1712.05877).
The scales are those of common tools for this scheme. 16 bits mean bfloat16, which needs no ranges.

4 bits are for weights alone, activations keep 8. Linear layers and convolutions have one scale for
each output, look-up tables one for each 64 columns of a row; grids end where the squared error is
smallest, see :mod:`._narrow`. Two weights are packed into a byte. A linear layer tied to a table,
such as the head of a language model, multiplies the table as it is stored, groups and all.

Biases, normalisations, attention scores and everything else stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import nn

from instatune.interfaces import Batch, Policy, Quantizer, Ranges, Simulation
from instatune_plugins.quantizers import Int8Config
from instatune_plugins.quantizers._listening import listen
from instatune_plugins.quantizers._onednn import works
from instatune_plugins.quantizers._policy import can, checked, places
from instatune_plugins.quantizers._quantized import rebuilt
from instatune_plugins.quantizers._simulation import replaced


class Int8(Quantizer):
    """Quantizes linear layers, two-dimensional convolutions and look-up tables.

    Modules that hold the weight of one that the policy names, and are not named themselves, follow
    it. What the simulation computes and what the quantized copy computes are the same but for the
    order of additions.
    """

    config: Int8Config

    @property
    def notice(self) -> str:
        """Warn where the processor has no instructions for products of bytes."""
        if self._fake or works():
            return ""
        return (
            "this processor has no exact instructions for 8-bit integers (AVX512-VNNI, AMX): "
            "quantized networks will be smaller here, but hardly faster"
        )

    def observe(
        self,
        model: nn.Module,
        forward: Callable[[nn.Module, Batch], object],
        batches: Iterable[Batch],
    ) -> Ranges:
        """Gather the ranges of inputs; padding counts as any other token.

        Look-up tables have ``(0.0, 0.0)``.

        Raises:
            DataError: There is no batch, or an input is not finite.
        """
        return listen(model, forward, batches, self.config)

    def simulation(self, model: nn.Module, policy: Policy, ranges: Ranges) -> Simulation:
        """Round the weights now and prepare forwards that round activations.

        On CPUs that multiply bytes exactly, they do so, with weights of 4 bits too; elsewhere, and
        for scales of groups, floats on the same grids are multiplied. Outputs are float32 without
        gradients, also under autocast.

        Raises:
            PluginError: The policy names a module or a bit width that is not there.
        """
        return replaced(places(model, policy, ranges), fake=self._fake)

    def quantize(self, model: nn.Module, policy: Policy, ranges: Ranges) -> nn.Module:
        """Copy the model with modules that hold ``int8``, ``bfloat16`` or packed 4-bit weights.

        Beside them, the state dict holds float32 scales, one for each output or group, and for the
        inputs a scale and a zero point. Tied weights stay tied.

        Called where the simulation multiplies bytes, the copy does so too. Each weight is then
        packed for the processor at the first call and kept beside the stored one, never in the
        state dict: 8-bit weights take twice their bytes in memory, those of 4 bits three times.

        Raises:
            PluginError: The policy names a module or a bit width that is not there.
        """
        return rebuilt(model, places(model, policy, ranges), fake=self._fake)

    def frame(self, model: nn.Module, policy: Policy) -> nn.Module:
        """Copy the model with modules that wait for their tensors.

        Ranges are not known here: the policy must not hold what :meth:`unsupported` named.

        Raises:
            PluginError: The policy names a module or a bit width that is not there.
        """
        return rebuilt(model, places(model, policy, None), fake=self._fake)

    def unsupported(self, model: nn.Module, policy: Policy, ranges: Ranges) -> tuple[str, ...]:
        """Names of modules of another class, that did not run, or that are empty.

        Raises:
            PluginError: The policy names a module or a bit width that is not there.
        """
        modules = checked(model, policy)
        return tuple(name for name in policy if name not in ranges or not can(modules[name]))

    @property
    def _fake(self) -> bool:
        return self.config.kernels == "fake"

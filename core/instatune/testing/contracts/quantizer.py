"""Contract of quantizers."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from instatune.interfaces import Quantizer
from instatune.plugin.entries import Kind, QuantizerEntry
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness

if TYPE_CHECKING:
    from torch import Tensor, nn


class Interrupted(Exception):
    """Raised on purpose inside a simulation."""


class QuantizerContract(Contract):
    """Simulates and undoes, quantizes a copy, and both agree.

    Attributes:
        tolerance: Largest difference between simulated and really quantized logits, as a share of
            the range of the logits.
    """

    kind: ClassVar[Kind] = "quantizers"
    tolerance: ClassVar[float] = 0.1

    def model(self) -> nn.Module:
        """A tiny transformer."""
        from instatune.testing import tiny

        return tiny.model()

    def logits(self, model: nn.Module) -> Tensor:
        """Run it on fixed batches, ``[examples, classes]``."""
        import torch

        from instatune.testing import tiny

        with torch.inference_mode():
            return torch.cat([tiny.TinyAdapter().logits(model, b) for b in tiny.batches()])

    def policy(self, bits: int) -> Mapping[str, int]:
        """All linear layers at one bit width."""
        from torch import nn

        modules = self.model().named_modules()
        return {name: bits for name, module in modules if isinstance(module, nn.Linear)}

    def calibrated(self) -> Quantizer:
        """A quantizer that has seen the tiny task."""
        from instatune.testing import tiny

        quantizer = cast("Quantizer", self.make())
        quantizer.calibrate(self.model(), tiny.batches())
        return quantizer

    def bits(self) -> tuple[int, ...]:
        """What the entry offers."""
        return cast("QuantizerEntry", self.offer().entry).bits

    def test_it_offers_bit_widths_below_32(self) -> None:
        bits = self.bits()
        expect(bits and all(1 <= b < 32 for b in bits), f"bits {bits}: name widths from 1 to 31")

    def test_simulation_changes_the_outputs_and_ends(self) -> None:
        for bits in self.bits():
            model, quantizer = self.model(), self.calibrated()
            before = self.logits(model)
            with quantizer.simulated(model, self.policy(bits)):
                inside = self.logits(model)
            expect(bool((inside != before).any()), f"{bits} bits compute exactly what 32 bits do")
            expect(bool((self.logits(model) == before).all()), f"{bits} bits: model not restored")

    def test_simulation_ends_on_exceptions_too(self) -> None:
        model, quantizer = self.model(), self.calibrated()
        before, state = self.logits(model), _weights(model)
        try:
            with quantizer.simulated(model, self.policy(self.bits()[0])):
                raise Interrupted
        except Interrupted:
            pass
        expect(_weights(model) == state, "weights differ after an exception")
        expect(bool((self.logits(model) == before).all()), "not restored after an exception")

    def test_an_empty_policy_changes_nothing(self) -> None:
        model, quantizer = self.model(), self.calibrated()
        before = self.logits(model)
        with quantizer.simulated(model, {}):
            inside = self.logits(model)
        expect(bool((inside == before).all()), "no layer was named, but outputs changed")

    def test_quantizing_makes_a_copy(self) -> None:
        model, quantizer = self.model(), self.calibrated()
        state = _weights(model)
        small = quantizer.quantize(model, self.policy(self.bits()[0]))
        expect(small is not model, "the model itself was given back")
        expect(_weights(model) == state, "quantizing changed the original")

    def test_simulated_and_quantized_agree(self) -> None:
        for bits in self.bits():
            model, quantizer = self.model(), self.calibrated()
            with quantizer.simulated(model, self.policy(bits)):
                simulated = self.logits(model)
            real = self.logits(quantizer.quantize(model, self.policy(bits)))
            span = float(simulated.max() - simulated.min())
            difference = float((real - simulated).abs().max())
            expect(
                difference <= self.tolerance * span,
                f"{bits} bits: simulated and quantized logits differ by {difference:.3g} "
                f"in a range of {span:.3g}",
            )

    def test_it_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            self.calibrated().quantize(self.model(), self.policy(self.bits()[0]))


def _weights(model: nn.Module) -> dict[str, object]:
    return {name: tensor.tolist() for name, tensor in model.state_dict().items()}

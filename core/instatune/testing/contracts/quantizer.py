"""Contract of quantizers."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

import json
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, cast

from instatune.errors import DataError, PluginError
from instatune.interfaces import Batch, Policy, Quantizer, Ranges
from instatune.plugin.entries import Kind, QuantizerEntry
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, expect_error, no_hidden_randomness
from instatune.testing.traces import bytes_of, state_of

if TYPE_CHECKING:
    from torch import Tensor, nn

NOWHERE = "layers.0.nowhere"
"""A module that no model has."""


class Interrupted(Exception):
    """Raised on purpose while a model is being looked at."""


class QuantizerContract(Contract):
    """Observes without a trace, simulates and undoes, quantizes a copy, and all forms agree.

    What calibration must refuse is asked of quantizers with ``needs_calibration`` alone, and what
    simulation must do of those with ``simulates``.

    Attributes:
        tolerance: Largest difference between simulated and really quantized logits, as a share of
            the range of the logits.
        module: A linear layer of the model.
        container: A module of the model that nobody can quantize.
    """

    kind: ClassVar[Kind] = "quantizers"
    tolerance: ClassVar[float] = 0.1
    module: ClassVar[str] = "layers.0.up"
    container: ClassVar[str] = "layers"

    def model(self, seed: int = 0) -> nn.Module:
        """A tiny transformer whose weights depend on the seed."""
        from instatune.testing import tiny

        return tiny.model(seed=seed)

    def batches(self) -> tuple[Batch, ...]:
        """What it runs on; the names are arguments of the model."""
        from instatune.testing import tiny

        names = ("input_ids", "attention_mask")
        return tuple({name: batch[name] for name in names} for batch in tiny.batches())

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run it on one batch as a search does, ``[examples, classes]``."""
        import torch

        with torch.inference_mode():
            logits: Tensor = model(**batch)
        return logits

    def logits(self, model: nn.Module) -> Tensor:
        """Run it on all batches."""
        import torch

        return torch.cat([self.forward(model, batch) for batch in self.batches()])

    def policy(self, bits: int, model: nn.Module | None = None) -> Policy:
        """All linear layers that have weights, at one bit width."""
        from torch import nn

        modules = (model or self.model()).named_modules()
        linear = {name: m for name, m in modules if isinstance(m, nn.Linear)}
        return {name: bits for name, module in linear.items() if module.weight.numel()}

    def quantizer(self) -> Quantizer:
        """The component."""
        return cast("Quantizer", self.make())

    def ranges(self, model: nn.Module) -> Ranges:
        """What the component observes of a model."""
        return self.quantizer().observe(model, self.forward, self.batches())

    def fields(self) -> QuantizerEntry:
        """What the entry says."""
        return cast("QuantizerEntry", self.offer().entry)

    def bits(self) -> tuple[int, ...]:
        """What it offers."""
        return self.fields().bits

    def simulated(self, bits: int) -> tuple[nn.Module, Tensor]:
        """A model, and what it gives while all its linear layers are simulated."""
        model = self.model()
        simulation = self.quantizer().simulation(model, self.policy(bits), self.ranges(model))
        with simulation.standing():
            return model, self.logits(model)

    def quantized(self, bits: int) -> nn.Module:
        """A copy with quantized linear layers."""
        model = self.model()
        return self.quantizer().quantize(model, self.policy(bits), self.ranges(model)).eval()

    def expect_close(self, found: Tensor, wanted: Tensor, text: str) -> None:
        """Expect the same logits, up to ``tolerance``."""
        span = float(wanted.max() - wanted.min())
        difference = float((found - wanted).abs().max())
        expect(
            difference <= self.tolerance * span,
            f"{text} logits differ by {difference:.3g} in a range of {span:.3g}",
        )

    def test_it_offers_bit_widths_below_32(self) -> None:
        bits = self.bits()
        expect(bits and all(1 <= b < 32 for b in bits), f"bits {bits}: name widths from 1 to 31")

    def test_ranges_are_plain_and_repeatable(self) -> None:
        ranges = {name: tuple(span) for name, span in self.ranges(self.model()).items()}
        ordered = all(low <= high for low, high in ranges.values())
        finite = all(isfinite(end) for span in ranges.values() for end in span)
        expect(ordered and finite, f"ranges are pairs of low and high: {ranges}")
        read = {name: tuple(span) for name, span in json.loads(json.dumps(ranges)).items()}
        expect(read == ranges, "ranges change when they are written as JSON and read")
        expect(dict(self.ranges(self.model())) == ranges, "the same batches gave other ranges")

    def test_observing_leaves_the_model_as_it_was(self) -> None:
        model = self.model().train()
        before = state_of(model)
        self.ranges(model)
        expect(state_of(model) == before, "weights, hooks or modes differ after observing")

    def test_observing_ends_on_exceptions_too(self) -> None:
        def interrupted(model: nn.Module, batch: Batch) -> object:
            self.forward(model, batch)
            raise Interrupted

        model = self.model().train()
        before = state_of(model)
        with suppress(Interrupted):
            self.quantizer().observe(model, interrupted, self.batches())
        expect(state_of(model) == before, "weights, hooks or modes differ after an exception")

    def test_calibration_refuses_what_tells_nothing(self) -> None:
        if not self.fields().needs_calibration:
            return
        broken = self.model()
        next(broken.parameters()).data.fill_(float("nan"))
        expect_error(
            DataError,
            lambda: self.quantizer().observe(self.model(), self.forward, ()),
            "there was no batch to observe, and nothing was said",
        )
        expect_error(
            DataError,
            lambda: self.quantizer().observe(broken, self.forward, self.batches()),
            "inputs were not finite, and nothing was said",
        )

    def test_simulation_changes_the_outputs_and_ends(self) -> None:
        for bits in self.bits() if self.fields().simulates else ():
            before = self.logits(self.model())
            model, inside = self.simulated(bits)
            expect(bool((inside != before).any()), f"{bits} bits compute exactly what 32 bits do")
            expect(bool((self.logits(model) == before).all()), f"{bits} bits: model not restored")

    def test_simulation_ends_on_exceptions_too(self) -> None:
        if not self.fields().simulates:
            return
        model = self.model()
        policy, ranges = self.policy(self.bits()[0]), self.ranges(model)
        before, state = self.logits(model), state_of(model)
        simulation = self.quantizer().simulation(model, policy, ranges)
        with suppress(Interrupted), simulation.standing():
            raise Interrupted
        expect(state_of(model) == state, "weights differ after an exception")
        expect(bool((self.logits(model) == before).all()), "not restored after an exception")

    def test_a_simulation_can_stand_again_and_does_not_follow_the_weights(self) -> None:
        if not self.fields().simulates:
            return
        model, bits = self.model(), self.bits()[0]
        simulation = self.quantizer().simulation(model, self.policy(bits), self.ranges(model))
        with simulation.standing():
            first = self.logits(model)
        model.get_submodule(self.module).get_parameter("weight").data.mul_(2)
        with simulation.standing():
            second = self.logits(model)
        expect(bool((first == second).all()), "weights were read again when the simulation stood")

    def test_an_empty_policy_changes_nothing(self) -> None:
        model, ranges = self.model(), self.ranges(self.model())
        before = self.logits(model)
        if self.fields().simulates:
            with self.quantizer().simulation(model, {}, ranges).standing():
                inside = self.logits(model)
            expect(bool((inside == before).all()), "no layer was named, but outputs changed")
        small = self.logits(self.quantizer().quantize(model, {}, ranges).eval())
        expect(bool((small == before).all()), "no layer was named, but the copy is another network")

    def test_quantizing_makes_a_copy(self) -> None:
        model = self.model()
        ranges, state = self.ranges(model), state_of(model)
        small = self.quantizer().quantize(model, self.policy(self.bits()[0]), ranges)
        expect(small is not model, "the model itself was given back")
        expect(state_of(model) == state, "quantizing changed the original")
        here = {tensor.data_ptr() for tensor in model.state_dict().values()}
        there = {tensor.data_ptr() for tensor in small.state_dict().values()}
        expect(not here & there, "the copy shares memory with the original")

    def test_simulated_and_quantized_agree(self) -> None:
        for bits in self.bits() if self.fields().simulates else ():
            _, simulated = self.simulated(bits)
            real = self.logits(self.quantized(bits))
            self.expect_close(real, simulated, f"{bits} bits: simulated and quantized")

    def test_a_slice_of_a_super_network_is_quantized_as_what_is_cut_out_of_it(self) -> None:
        from instatune.testing import tiny

        if not self.fields().simulates:
            return
        whole, quantizer = tiny.supernet(), self.quantizer()
        smallest, bits = whole.space.smallest, self.bits()[0]
        with whole.active(smallest) as model:
            policy, ranges = self.policy(bits, model), self.ranges(model)
            simulation = quantizer.simulation(model, policy, ranges)
        with whole.active(smallest) as model, simulation.standing():
            simulated = self.logits(model)
        small = quantizer.quantize(whole.extract(smallest), policy, ranges).eval()
        self.expect_close(self.logits(small), simulated, "slice and extracted network:")

    def test_what_is_quantized_takes_less_room(self) -> None:
        room = bytes_of(self.model())
        for bits in self.bits():
            small = bytes_of(self.quantized(bits))
            expect(small < room, f"{bits} bits: the state dict has {small} bytes, before {room}")

    def test_a_frame_and_the_tensors_make_the_same_network_again(self) -> None:
        for bits in self.bits():
            small = self.quantized(bits)
            frame = self.quantizer().frame(self.model(seed=1), self.policy(bits))
            frame.load_state_dict(small.state_dict())
            same = bool((self.logits(frame.eval()) == self.logits(small)).all())
            expect(same, f"{bits} bits: what was filled into the frame computes something else")

    def test_what_is_quantized_can_be_traced(self) -> None:
        import torch

        batch = self.batches()[0]
        for bits in self.bits():
            small = self.quantized(bits)
            program = torch.export.export(small, (), dict(batch)).module()
            traced, wanted = self.forward(program, batch), self.forward(small, batch)
            self.expect_close(traced, wanted, f"{bits} bits: traced and quantized")

    def test_it_names_what_stays_in_full_precision(self) -> None:
        quantizer, model = self.quantizer(), self.model()
        bits, ranges = self.bits()[0], self.ranges(model)
        policy = {self.container: bits, **self.policy(bits)}
        left = quantizer.unsupported(model, policy, ranges)
        expect(tuple(left) == (self.container,), f"unsupported is {left}, not {self.container!r}")
        small = quantizer.quantize(model, {self.container: bits}, ranges).eval()
        same = bool((self.logits(small) == self.logits(model)).all())
        expect(same, "a module that is unsupported was changed")

    def test_a_module_without_a_range_stays_in_full_precision(self) -> None:
        model, bits = self.model(), self.bits()[0]
        ranges = {k: v for k, v in self.ranges(model).items() if k != self.module}
        if not self.fields().needs_calibration:
            return
        policy = {self.module: bits}
        left = self.quantizer().unsupported(model, policy, ranges)
        expect(tuple(left) == (self.module,), f"{self.module!r} did not run, unsupported is {left}")
        small = self.quantizer().quantize(model, policy, ranges).eval()
        same = bool((self.logits(small) == self.logits(model)).all())
        expect(same, f"{self.module!r} has no range, but was changed")

    def test_a_module_that_is_not_there_is_refused(self) -> None:
        model, policy = self.model(), {NOWHERE: self.bits()[0]}
        quantizer, ranges = self.quantizer(), {**self.ranges(model), NOWHERE: (0.0, 1.0)}
        text = f"the model has no module {NOWHERE!r}, and nothing was said"
        expect_error(PluginError, lambda: quantizer.quantize(model, policy, ranges), text)
        expect_error(PluginError, lambda: quantizer.frame(model, policy), text)
        if self.fields().simulates:
            expect_error(PluginError, lambda: quantizer.simulation(model, policy, ranges), text)

    def test_it_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            bits = self.bits()[0]
            self.quantized(bits)
            if self.fields().simulates:
                self.simulated(bits)

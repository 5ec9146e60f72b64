"""The grids are those of torch's own fake quantization, and rounding moves nothing too far."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from instatune_plugins.quantizers._grid import (
    LEAST,
    MOST,
    SMALLEST,
    Grid,
    floats_of,
    integers_of,
    scales_of,
)

ENDS = st.floats(-1e4, 1e4, width=32)


def numbers(*shape, seed=0, size=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * size


@given(ENDS, ENDS, st.integers(0, 9))
def test_activations_are_rounded_as_torch_rounds_them(one, other, seed):
    grid = Grid.over(min(one, other), max(one, other))
    x = numbers(7, 5, seed=seed, size=max(abs(one), abs(other), 1e-3))

    wanted = torch.fake_quantize_per_tensor_affine(x, grid.scale, grid.zero_point, 0, 255)

    assert torch.equal(grid.rounded(x), wanted)
    integers = grid.integers(x)
    assert integers.dtype == torch.uint8
    assert torch.equal((integers.int() - grid.zero_point) * grid.scale, wanted)


@given(ENDS, ENDS)
def test_a_grid_holds_zero_and_reaches_both_ends_up_to_half_a_step(one, other):
    low, high = min(one, other), max(one, other)
    grid = Grid.over(low, high)

    assert 0 <= grid.zero_point <= 255
    assert not grid.rounded(torch.zeros(1)).any()
    ends = torch.tensor([low, high, (low + high) / 2])
    assert (grid.rounded(ends) - ends).abs().max() <= grid.scale * 0.501 + 1e-6 * abs(high - low)


def test_inputs_that_are_all_zero_have_a_grid_too():
    assert Grid.over(0.0, 0.0) == Grid(SMALLEST, 0)


@given(st.integers(0, 99), st.sampled_from([(6, 5), (4, 3, 2, 2), (1, 1)]))
def test_weights_are_rounded_as_torch_rounds_them(seed, shape):
    weight = numbers(*shape, seed=seed)
    scales = scales_of(weight)

    rounded = floats_of(integers_of(weight, scales), scales)

    zeros = torch.zeros(len(scales), dtype=torch.int32)
    assert torch.equal(
        rounded,
        torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, LEAST, MOST),
    )
    largest = weight.abs().flatten(1).amax(1)
    assert torch.allclose(scales, largest / 127.5)
    step = scales.view(-1, *[1] * (weight.dim() - 1))
    assert ((rounded - weight).abs() <= step * 0.5001).all()


@given(st.integers(0, 99))
def test_rounding_what_is_rounded_changes_nothing(seed):
    weight = numbers(6, 5, seed=seed)
    scales = scales_of(weight)
    once = integers_of(weight, scales)

    again = integers_of(floats_of(once, scales), scales)

    assert torch.equal(again, once)
    assert integers_of(weight.t(), scales_of(weight.t())).is_contiguous()


def test_a_row_of_zeros_stays_one():
    weight = torch.tensor([[0.0, 0.0], [1.0, -0.5]])
    scales = scales_of(weight)

    assert scales[0] == pytest.approx(SMALLEST)
    assert not integers_of(weight, scales)[0].any()


@given(st.integers(0, 99))
def test_the_error_of_a_linear_layer_is_bounded_by_half_steps(seed):
    weight, x = numbers(4, 16, seed=seed), numbers(8, 16, seed=seed + 1)
    scales, grid = scales_of(weight), Grid.over(float(x.min()), float(x.max()))
    rounded = floats_of(integers_of(weight, scales), scales)

    error = functional.linear(grid.rounded(x), rounded) - functional.linear(x, weight)

    # |q(x) q(w) - x w| <= |x| dw + |q(w)| dx, with dw and dx of half a step; a hair for floats.
    bound = x.abs().sum(1, keepdim=True) * scales / 2 + rounded.abs().sum(1) * grid.scale / 2
    assert (error.abs() <= bound * 1.001 + 1e-5).all()

"""The three operations on one tensor agree with each other and with plain indexing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.space import Cut
from instatune.supernet.cutting import Share, masked, positions, sliced


@st.composite
def cases(draw):
    """A tensor ``[a, blocks * units * unit, c]`` with a cut on axis 1, and one on axis 2."""
    blocks, units, unit = (draw(st.integers(1, 4)) for _ in range(3))
    columns = draw(st.integers(1, 5))
    tensor = torch.randn(2, blocks * units * unit, columns)
    return tensor, [
        Share(Cut("t", 1, unit, blocks), units, draw(st.integers(1, units))),
        Share(Cut("t", 2), columns, draw(st.integers(1, columns))),
    ]


@settings(deadline=None, derandomize=True)
@given(cases())
def test_a_slice_is_what_masking_leaves(case):
    tensor, shares = case
    rows, columns = shares
    grid = tensor.view(2, rows.cut.blocks, rows.units, rows.cut.unit, columns.units)
    expected = grid[:, :, : rows.kept, :, : columns.kept].reshape(2, -1, columns.kept)

    small, zeroed = sliced(tensor, shares), masked(tensor, shares)

    assert torch.equal(small, expected)
    assert zeroed.shape == tensor.shape
    torch.testing.assert_close(zeroed.sum(), small.sum(), rtol=1e-4, atol=1e-4)
    assert int((zeroed != 0).sum()) == int((small != 0).sum())


@settings(deadline=None, derandomize=True)
@given(cases(), st.randoms(use_true_random=False))
def test_positions_reorder_units_inside_their_blocks(case, random):
    tensor, (rows, _) = case
    order = list(range(rows.units))
    random.shuffle(order)
    grid = tensor.view(2, rows.cut.blocks, rows.units, rows.cut.unit, -1)

    index = positions(rows.cut, torch.tensor(order))

    assert torch.equal(tensor.index_select(1, index), grid[:, :, order].reshape(tensor.shape))


def test_slicing_one_block_copies_nothing():
    tensor = torch.randn(6, 4)

    assert sliced(tensor, [Share(Cut("t", 0, 2), 3, 2)]).data_ptr() == tensor.data_ptr()

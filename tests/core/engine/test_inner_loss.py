"""Distances of hidden states and of attention relations, against their definitions."""

from __future__ import annotations

from math import exp, log, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.engine.inner_loss import hidden_distance, relation_distance, relation_heads
from instatune.engine.inside import Inside
from instatune.errors import TrainingError

MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_hidden(*states: torch.Tensor, first: int = 0) -> Inside:
    return Inside(hidden={f"layers.{first + i}": s for i, s in enumerate(states)}, attention={})


def with_attention(*layers: tuple[torch.Tensor, ...], first: int = 0) -> Inside:
    attention = {f"layers.{first + i}.query": layer for i, layer in enumerate(layers)}
    return Inside(hidden={}, attention=attention)


def qkv(width: int, seed: int, tokens: int = 4) -> tuple[torch.Tensor, ...]:
    return tuple(randn(2, tokens, width, seed=10 * seed + i) for i in range(3))


class TestHiddenDistance:
    @pytest.mark.parametrize("mask", [None, MASK])
    def test_equals_are_no_distance_apart(self, mask):
        state = randn(2, 4, 6)

        assert hidden_distance(with_hidden(state), with_hidden(state), mask).item() == 0.0

    def test_is_the_relative_squared_error_averaged_over_the_students_layers(self):
        student = [randn(2, 4, 6, seed=i) for i in (1, 2)]
        teacher = [randn(2, 4, 6, seed=i) for i in (3, 4, 5)]

        found = hidden_distance(with_hidden(*student, first=1), with_hidden(*teacher), None)

        errors = [
            ((s - t) ** 2).mean() / (t**2).mean() for s, t in zip(student, teacher[1:], strict=True)
        ]
        torch.testing.assert_close(found, sum(errors) / 2)

    def test_a_student_that_gives_zeros_is_at_one_whatever_the_scale(self):
        for scale in (1e-3, 1.0, 1e3):
            teacher = with_hidden(scale * randn(2, 4, 6))
            found = hidden_distance(with_hidden(torch.zeros(2, 4, 6)), teacher, None)
            assert found.item() == pytest.approx(1.0)

    def test_padding_does_not_count(self):
        student, teacher = randn(2, 4, 6, seed=1), randn(2, 4, 6, seed=2)
        other = torch.where(MASK[..., None] == 0, 100.0, student)

        found, again = (
            hidden_distance(with_hidden(s), with_hidden(teacher), MASK) for s in (student, other)
        )

        assert found.item() == again.item()
        rows = MASK.bool()
        expected = (student - teacher)[rows].square().sum() / teacher[rows].square().sum()
        torch.testing.assert_close(found, expected)

    def test_images_have_feature_maps(self):
        student, teacher = randn(2, 3, 4, 4, seed=1), randn(2, 3, 4, 4, seed=2)

        found = hidden_distance(with_hidden(student), with_hidden(teacher), None)

        expected = (student - teacher).square().sum() / teacher.square().sum()
        torch.testing.assert_close(found, expected)

    def test_half_precision_is_summed_in_float32(self):
        student, teacher = (randn(2, 4, 6, seed=i).bfloat16() for i in (1, 2))

        found = hidden_distance(with_hidden(student), with_hidden(teacher), MASK)

        assert found.dtype == torch.float32

    def test_networks_of_another_width_are_refused(self):
        with pytest.raises(TrainingError) as caught:
            hidden_distance(with_hidden(randn(2, 4, 5)), with_hidden(randn(2, 4, 6)), None)

        assert str(caught.value) == (
            "tune.loss: hidden states of layer 'layers.0' have shape [2, 4, 5] in the sub-network "
            "and [2, 4, 6] in the largest one; 'hidden' compares layers of one width: leave the "
            "dimension that makes them narrower out of space, or use hidden: 0"
        )

    def test_a_mask_of_other_tokens_is_refused(self):
        state = with_hidden(randn(2, 5, 6))

        with pytest.raises(TrainingError) as caught:
            hidden_distance(state, state, MASK)

        assert str(caught.value) == (
            "tune.loss: 'layers.0' gives [2, 5, 6], but attention_mask of the batch has shape "
            "[2, 4], so padding cannot be told; use hidden: 0 and relation: 0"
        )


def softmax(row: list[float]) -> list[float]:
    total = sum(map(exp, row))
    return [exp(score) / total for score in row]


def by_definition(student, teacher, heads, lengths) -> float:
    """MiniLMv2's loss of one projection in plain loops; examples have ``lengths`` tokens."""
    total, count = 0.0, 0
    for s, t, length in zip(student.tolist(), teacher.tolist(), lengths, strict=True):
        for head in range(heads):
            relations = []
            for x in (s, t):
                d = len(x[0]) // heads
                part = [row[head * d : (head + 1) * d] for row in x[:length]]
                products = [
                    [sum(a * b for a, b in zip(p, q, strict=True)) / sqrt(d) for q in part]
                    for p in part
                ]
                relations.append([softmax(row) for row in products])
            for q_row, p_row in zip(*relations, strict=True):
                total += sum(p * log(p / q) for p, q in zip(p_row, q_row, strict=True))
                count += 1
    return total / count


class TestRelationDistance:
    @pytest.mark.parametrize("layers", ["last", "all"])
    @pytest.mark.parametrize("mask", [None, MASK])
    def test_equals_are_no_distance_apart(self, layers, mask):
        whole = with_attention(qkv(8, 1), qkv(8, 2))

        found = relation_distance(whole, whole, mask, 4, layers)

        assert found.item() == pytest.approx(0.0, abs=1e-7)

    @pytest.mark.parametrize(("mask", "lengths"), [(None, (4, 4)), (MASK, (3, 2))])
    @pytest.mark.parametrize("width", [8, 4])
    def test_is_that_of_minilm_for_other_numbers_of_heads(self, width, mask, lengths):
        student, teacher = qkv(width, 1), qkv(8, 2)

        found = relation_distance(with_attention(student), with_attention(teacher), mask, 4, "last")

        parts = [by_definition(s, t, 4, lengths) for s, t in zip(student, teacher, strict=True)]
        assert found.item() == pytest.approx(sum(parts) / 3, rel=1e-4)

    def test_keys_may_be_narrower_than_queries(self):
        grouped = (randn(2, 4, 8, seed=1), randn(2, 4, 4, seed=2), randn(2, 4, 4, seed=3))
        teacher = (randn(2, 4, 16, seed=4), randn(2, 4, 8, seed=5), randn(2, 4, 8, seed=6))

        found = relation_distance(with_attention(grouped), with_attention(teacher), None, 2, "last")

        parts = [by_definition(s, t, 2, (4, 4)) for s, t in zip(grouped, teacher, strict=True)]
        assert found.item() == pytest.approx(sum(parts) / 3, rel=1e-4)

    def test_last_compares_the_last_layers_and_all_the_same_ones(self):
        student = with_attention(qkv(4, 1), qkv(4, 2))
        teacher = with_attention(qkv(4, 3), qkv(4, 4), qkv(4, 5))

        def of(own: int, other: int) -> float:
            pair = with_attention(qkv(4, own)), with_attention(qkv(4, other))
            return relation_distance(*pair, None, 2, "last").item()

        last = relation_distance(student, teacher, None, 2, "last").item()
        each = relation_distance(student, teacher, None, 2, "all").item()

        assert last == pytest.approx(of(2, 5))
        assert each == pytest.approx((of(1, 3) + of(2, 4)) / 2)

    def test_padding_does_not_count(self):
        student, teacher = qkv(4, 1), with_attention(qkv(4, 2))
        other = tuple(torch.where(MASK[..., None] == 0, 50.0, tensor) for tensor in student)

        found, again = (
            relation_distance(with_attention(s), teacher, MASK, 2, "last") for s in (student, other)
        )

        assert found.item() == again.item() > 0

    def test_descending_it_brings_relations_together(self):
        teacher = with_attention(qkv(8, 2))
        student = tuple(tensor.requires_grad_() for tensor in qkv(4, 1))
        optimiser = torch.optim.Adam(student, lr=0.1)
        losses = []
        for _ in range(60):
            optimiser.zero_grad()
            loss = relation_distance(with_attention(student), teacher, MASK, 2, "last")
            loss.backward()
            optimiser.step()
            losses.append(loss.item())

        assert losses[-1] < 0.1 * losses[0]

    def test_a_network_without_heads_has_no_relations(self):
        found = relation_distance(with_attention(), with_attention(qkv(4, 1)), None, 2, "last")

        assert found.item() == 0.0

    def test_other_numbers_of_tokens_are_refused(self):
        pair = with_attention(qkv(4, 1, tokens=3)), with_attention(qkv(4, 2))

        with pytest.raises(TrainingError) as caught:
            relation_distance(*pair, None, 2, "last")

        assert str(caught.value) == (
            "tune.loss: 'layers.0.query' gives [2, 3, 4] in the sub-network, and what it is "
            "compared with is [2, 4, 4]; 'relation' compares [examples, tokens, width] with "
            "equally many tokens: use relation: 0"
        )

    @given(
        wanted=st.integers(1, 64),
        widths=st.lists(st.integers(1, 1024), min_size=1, max_size=3),
    )
    def test_heads_are_the_most_that_divide_all_widths(self, wanted, widths):
        fitting = [
            heads for heads in range(1, wanted + 1) if all(width % heads == 0 for width in widths)
        ]

        assert relation_heads(wanted, *widths) == fitting[-1]

"""Distances of what happens inside of two networks: hidden states and attention relations.

*Hidden states* are compared layer by layer, as in TinyBERT (Jiao et al., arXiv 1909.10351): by the
squared error, here in units of the mean square of the larger network's states, so that one weight
fits models and layers of any scale. No projection is needed: both have the same width.

*Relations* are those of MiniLMv2 (Wang et al., arXiv 2012.15828; MiniLM: arXiv 2002.10957). Queries
of all heads are laid side by side and split into A relation heads of width d::

    R_Q = softmax(Q Q^T / sqrt(d)),   L = 1/3 (L_Q + L_K + L_V),   L_Q = mean KL(R_Q^T || R_Q^S)

The mean runs over examples, relation heads and tokens; T is the larger network, S the smaller one.
The number of relation heads is the same in both, so that the numbers of attention heads may differ.
"""

from __future__ import annotations

from math import gcd

import torch
from torch import Tensor
from torch.nn import functional

from instatune.engine.inside import Inside
from instatune.errors import TrainingError
from instatune.interfaces import RelationLayers

_NEVER = -1e9  # a score whose softmax is 0; with an infinite one differences would be nan


def hidden_distance(student: Inside, teacher: Inside, mask: Tensor | None) -> Tensor:
    """Relative squared error of hidden states: 0 for equals, 1 for a student that gives zeros.

    Args:
        student: With a graph.
        teacher: Has every layer that the student has.
        mask: 1 at tokens, 0 at padding ``[examples, tokens]``; None where nothing is padding.

    Returns:
        Scalar, mean over the student's layers.

    Raises:
        TrainingError: Hidden states of a layer differ in shape.
    """
    layers = [
        _relative_error(path, state, teacher.hidden[path], mask)
        for path, state in student.hidden.items()
    ]
    return torch.stack(layers).mean()


def relation_distance(
    student: Inside, teacher: Inside, mask: Tensor | None, heads: int, layers: RelationLayers
) -> Tensor:
    """Distance of attention relations, 0 for equals.

    Args:
        student: With a graph.
        teacher: For ``all``, has every layer that the student has.
        mask: 1 at tokens, 0 at padding ``[examples, tokens]``; None where nothing is padding.
        heads: Relation heads; where they do not divide the widths of both networks, the largest
            smaller number that does.
        layers: ``last``: the last layer of the one against the last of the other, as in MiniLM.
            ``all``: each layer of the student against the same layer, averaged.

    Returns:
        Scalar in nats.

    Raises:
        TrainingError: Numbers of tokens differ.
    """
    paths = list(student.attention)
    others = dict(teacher.attention)
    if layers == "last":
        paths = paths[-1:]
        others = dict.fromkeys(paths, list(others.values())[-1])
    terms = [
        _relation(path, own, other, mask, heads)
        for path in paths
        for own, other in zip(student.attention[path], others[path], strict=True)
    ]
    if not terms:  # a sub-network without any head relates nothing
        return next(iter(teacher.attention.values()))[0].new_zeros(())
    return torch.stack(terms).mean()


def relation_heads(wanted: int, *widths: int) -> int:
    """The largest number up to ``wanted`` that divides all widths."""
    common = gcd(*widths)
    return max(heads for heads in range(1, min(wanted, common) + 1) if common % heads == 0)


def _relative_error(path: str, student: Tensor, teacher: Tensor, mask: Tensor | None) -> Tensor:
    if student.shape != teacher.shape:
        raise TrainingError(
            f"tune.loss: hidden states of layer {path!r} have shape {list(student.shape)} in the "
            f"sub-network and {list(teacher.shape)} in the largest one; 'hidden' compares layers "
            "of one width: leave the dimension that makes them narrower out of space, or use "
            "hidden: 0"
        )
    error, size = (student.float() - teacher.float()).square(), teacher.float().square()
    if mask is not None:
        _check_mask(path, student, mask)
        weights = mask[..., None].to(error.dtype)
        error, size = error * weights, size * weights
    return error.sum() / size.sum().clamp_min(torch.finfo(size.dtype).tiny)


def _relation(
    path: str, student: Tensor, teacher: Tensor, mask: Tensor | None, wanted: int
) -> Tensor:
    """KL of the relations of one projection, e.g. of the queries."""
    if student.ndim != 3 or student.shape[:2] != teacher.shape[:2]:
        raise TrainingError(
            f"tune.loss: {path!r} gives {list(student.shape)} in the sub-network, and what it is "
            f"compared with is {list(teacher.shape)}; 'relation' compares [examples, tokens, width]"
            " with equally many tokens: use relation: 0"
        )
    if mask is not None:
        _check_mask(path, student, mask)
    heads = relation_heads(wanted, student.shape[-1], teacher.shape[-1])
    log_student, log_teacher = (_relations(x.float(), heads, mask) for x in (student, teacher))
    divergence = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True)
    rows = divergence.sum(-1)
    if mask is None:
        return rows.mean()
    weights = mask[:, None, :].to(rows.dtype)
    return (rows * weights).sum() / (heads * weights.sum()).clamp_min(1.0)


def _relations(x: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """``log softmax(X X^T / sqrt(d))`` of each head ``[examples, heads, tokens, tokens]``."""
    split = x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)
    scores = split @ split.transpose(-1, -2) / split.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask[:, None, None, :] == 0, _NEVER)
    return torch.log_softmax(scores, dim=-1)


def _check_mask(path: str, tensor: Tensor, mask: Tensor) -> None:
    if tensor.shape[:2] != mask.shape:
        raise TrainingError(
            f"tune.loss: {path!r} gives {list(tensor.shape)}, but attention_mask of the batch has "
            f"shape {list(mask.shape)}, so padding cannot be told; use hidden: 0 and relation: 0"
        )

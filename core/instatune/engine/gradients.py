"""How the gradients of the networks of one step become the gradient of the step.

``sum``: they are added up, as Equation 1 of InstaTune (arXiv 2308.15609) says. Automatic
differentiation does that by itself, so there is no code for it.

``project_sub``: where the gradient g of a sub-network points against the gradient g_S of the
super-network on the weights that both use, it loses its component along g_S before it is added::

    g <- g - (g . g_S / |g_S|^2) g_S    if g . g_S < 0

Gong et al., "NASViT: Neural Architecture Search for Efficient Vision Transformers with Gradient
Conflict-Aware Supernet Training", ICLR 2022. The products run over all shared weights at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from instatune.errors import PluginError

Rule: TypeAlias = Literal["sum", "project_sub"]
_Gradients: TypeAlias = "list[Tensor | None]"


def combiner(rule: Rule, parameters: Iterable[nn.Parameter]) -> ProjectSub | None:
    """Make what combines gradients; None for ``sum``, which needs nothing."""
    return ProjectSub(parameters) if rule == "project_sub" else None


class ProjectSub:
    """Keeps the gradients of the networks of a step apart until they may be added.

    Needs memory for two more sets of gradients (one, if a step has a single sub-network).

    Attributes:
        passes: Sub-networks that were compared with the super-network so far.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Take the shared weights, which must have no gradient when a step begins."""
        self._parameters = tuple(parameters)
        self._super: _Gradients | None = None
        self._sub: _Gradients | None = None
        self._conflicts: Tensor | None = None
        self.passes = 0

    def take(self, role: str) -> None:
        """Take the gradients of the network that was just differentiated out of the weights.

        Raises:
            PluginError: A sub-network comes before the largest one.
        """
        taken: _Gradients = [parameter.grad for parameter in self._parameters]
        for parameter in self._parameters:
            parameter.grad = None
        if role == "largest":
            self._super = taken
            return
        if self._super is None:
            raise PluginError(
                f"tune.gradients: the {role} network comes before the largest, or without it; "
                "use gradients: sum, or a sampler that trains the largest network in each step"
            )
        self._project(taken, self._super)
        self._sub = taken if self._sub is None else _added(self._sub, taken)

    def give(self) -> None:
        """Put the combined gradients back into the weights."""
        nothing: _Gradients = [None] * len(self._parameters)
        whole = _added(self._super or nothing, self._sub or nothing)
        for parameter, gradient in zip(self._parameters, whole, strict=True):
            parameter.grad = gradient
        self._super = self._sub = None

    @property
    def conflict_rate(self) -> float:
        """Share of the compared sub-networks whose gradient had a component against g_S."""
        return 0.0 if self._conflicts is None else float(self._conflicts) / self.passes

    def _project(self, own: _Gradients, whole: _Gradients) -> None:
        pairs = [(g, s) for g, s in zip(own, whole, strict=True) if g is not None and s is not None]
        if not pairs:
            return
        dot = torch.stack([(g * s).sum() for g, s in pairs]).sum()
        square = torch.stack([_shared(g, s).square().sum() for g, s in pairs]).sum()
        # A tensor instead of a branch: nothing waits for the device here.
        share = (dot / square.clamp_min(torch.finfo(square.dtype).tiny)).clamp(max=0.0)
        for g, s in pairs:
            g.sub_(share.to(g.dtype) * _shared(g, s))
        conflict = (dot < 0).float()
        self._conflicts = conflict if self._conflicts is None else self._conflicts + conflict
        self.passes += 1


def _shared(own: Tensor, whole: Tensor) -> Tensor:
    """g_S where the sub-network has weights: outside of its slices its gradient is exactly 0."""
    return whole * (own != 0)


def _added(one: _Gradients, other: _Gradients) -> _Gradients:
    return [
        b if a is None else a if b is None else a.add_(b) for a, b in zip(one, other, strict=True)
    ]

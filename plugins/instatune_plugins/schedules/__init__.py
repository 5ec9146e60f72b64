"""What each network of a training step learns from: labels, teacher, super-network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import attrs
from attrs.validators import ge, gt, in_, le, optional

from instatune.interfaces import RelationLayers
from instatune.plugin import hookimpl
from instatune.plugin.entries import ScheduleEntry
from instatune.plugin.settings import NEWER

_NEWER = {NEWER: True}


@attrs.frozen(kw_only=True)
class InnerTerms:
    """Settings of losses whose largest network may also teach what happens inside of it.

    Attributes:
        hidden: Weight of the distance of hidden states to those of the largest network of the step,
            layer by layer (TinyBERT); 0 leaves it out. Needs layers of one width: not together with
            a dimension that makes hidden states narrower.
        relation: Weight of the distance of attention relations, softmax(QQᵀ/√d) and the same of
            keys and values, to those of the largest network (MiniLMv2); 0 leaves it out.
        relation_heads: Heads that queries, keys and values of both networks are split into for
            ``relation``; where these do not divide both widths, the next smaller number that does.
        relation_layers: ``last``: the last layer of each network. ``all``: every layer that is kept
            and the same one of the largest network.
    """

    hidden: float = attrs.field(default=0.0, validator=ge(0.0), metadata=_NEWER)
    relation: float = attrs.field(default=0.0, validator=ge(0.0), metadata=_NEWER)
    relation_heads: int = attrs.field(default=12, validator=ge(1), metadata=_NEWER)
    relation_layers: RelationLayers = attrs.field(
        default="last", validator=in_(("last", "all")), metadata=_NEWER
    )

    def inside(self) -> dict[str, Any]:
        """The settings by the names that :class:`instatune.interfaces.LossWeights` has for them."""
        return {field.name: getattr(self, field.name) for field in attrs.fields(InnerTerms)}


@attrs.frozen(kw_only=True)
class InstaTuneConfig(InnerTerms):
    """Settings of ``instatune``, the paper's Equation 1.

    Attributes:
        alpha: Weight of the loss on the labels; distillation gets ``1 - alpha``.
        gamma: Who teaches. ``low_cost``: the super-network (γ = 0, no teacher needed).
            ``high_cost``: the fine-tuned teacher (γ = 1). ``teacher_first``: the teacher for
            ``teacher_epochs``, the super-network after that.
        teacher_epochs: Epochs with the teacher, for ``gamma: teacher_first`` only.
        rho: Temperature of the distillation; the paper does not state it.
    """

    alpha: float = attrs.field(default=0.3, validator=[ge(0.0), le(1.0)])
    gamma: Literal["low_cost", "high_cost", "teacher_first"] = "low_cost"
    teacher_epochs: int | None = attrs.field(default=None, validator=optional(ge(1)))
    rho: float = attrs.field(default=1.0, validator=gt(0.0))

    @teacher_epochs.validator
    def _check(self, attribute: attrs.Attribute[int | None], value: int | None) -> None:
        if self.gamma == "teacher_first" and value is None:
            raise ValueError(
                "gamma: teacher_first needs teacher_epochs, the number of epochs with the teacher"
            )
        if self.gamma != "teacher_first" and value is not None:
            raise ValueError(
                f"teacher_epochs has no meaning with gamma: {self.gamma}; "
                "remove it or use gamma: teacher_first"
            )


@attrs.frozen(kw_only=True)
class InPlaceConfig(InnerTerms):
    """Settings of ``in_place``.

    Attributes:
        rho: Temperature of the distillation.
    """

    rho: float = attrs.field(default=1.0, validator=gt(0.0))


@attrs.frozen(kw_only=True)
class AlphaDivergenceConfig(InnerTerms):
    """Settings of ``alpha_divergence``.

    Attributes:
        alpha_min: Order that punishes a student which expects too much; 0 is reversed KL.
        alpha_max: Order that punishes one which misses something; 1 is KL.
        clip: Largest power of the ratio of teacher and student that weighs in the gradient.
        rho: Temperature of the distillation.
    """

    alpha_min: float = attrs.field(default=-1.0, validator=[ge(-4.0), le(0.0)])
    alpha_max: float = attrs.field(default=1.0, validator=[gt(0.0), le(1.0)])
    clip: float = attrs.field(default=5.0, validator=gt(0.0))
    rho: float = attrs.field(default=1.0, validator=gt(0.0))

    @clip.validator
    def _check(self, attribute: attrs.Attribute[float], value: float) -> None:
        if value < 1.0 - self.alpha_min:
            raise ValueError(
                f"clip {value} is below 1 - alpha_min = {1.0 - self.alpha_min}: the divergence "
                "could be negative; raise clip"
            )


@attrs.frozen(kw_only=True)
class AlternateConfig:
    """Settings of ``alternate``.

    Attributes:
        every: The super-network is trained in every so many steps; 2 is strict alternation.
    """

    every: int = attrs.field(default=2, validator=ge(2))


@hookimpl
def instatune_schedules() -> Iterator[ScheduleEntry]:
    """Offer Equation 1, distillation in place, and the plain sum of task losses."""
    yield ScheduleEntry(
        name="instatune",
        target="instatune_plugins.schedules.instatune:InstaTune",
        config=InstaTuneConfig,
        needs_largest=True,
        summary="labels, teacher and super-network weighed by Equation 1 of InstaTune",
    )
    yield ScheduleEntry(
        name="in_place",
        target="instatune_plugins.schedules.in_place:InPlace",
        config=InPlaceConfig,
        needs_largest=True,
        summary="labels teach the largest network, which teaches all others (BigNAS)",
    )
    yield ScheduleEntry(
        name="alpha_divergence",
        target="instatune_plugins.schedules.alpha_divergence:AlphaDivergence",
        config=AlphaDivergenceConfig,
        needs_largest=True,
        summary="in-place distillation by the larger of two divergences (AlphaNet, NASViT)",
    )
    yield ScheduleEntry(
        name="alternate",
        target="instatune_plugins.schedules.alternate:Alternate",
        config=AlternateConfig,
        needs_largest=True,
        summary="labels only, super-network and sub-networks take turns (LLaMA-NAS)",
    )
    yield ScheduleEntry(
        name="plain",
        target="instatune_plugins.schedules.plain:Plain",
        summary="labels only, no distillation",
    )

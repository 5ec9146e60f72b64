"""What each network of a training step learns from: labels, teacher, super-network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, gt, le, optional

from instatune.plugin import hookimpl
from instatune.plugin.entries import ScheduleEntry


@attrs.frozen(kw_only=True)
class InstaTuneConfig:
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
class InPlaceConfig:
    """Settings of ``inplace_kd``.

    Attributes:
        rho: Temperature of the distillation.
    """

    rho: float = attrs.field(default=1.0, validator=gt(0.0))


@hookimpl
def instatune_schedules() -> Iterator[ScheduleEntry]:
    """Offer Equation 1, in-place distillation, and the plain sum of task losses."""
    yield ScheduleEntry(
        name="instatune",
        target="instatune_plugins.schedules.instatune:InstaTune",
        config=InstaTuneConfig,
        needs_largest=True,
        summary="labels, teacher and super-network weighed by Equation 1 of InstaTune",
    )
    yield ScheduleEntry(
        name="inplace_kd",
        target="instatune_plugins.schedules.inplace_kd:InPlace",
        config=InPlaceConfig,
        needs_largest=True,
        summary="labels teach the largest network, which teaches all others (BigNAS)",
    )
    yield ScheduleEntry(
        name="plain",
        target="instatune_plugins.schedules.plain:Plain",
        summary="labels only, no distillation",
    )

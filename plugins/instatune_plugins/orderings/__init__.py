"""Which heads and neurons come first: they are the ones that small sub-networks keep."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs.validators import ge, gt

from instatune.plugin import hookimpl
from instatune.plugin.entries import OrderingEntry


@attrs.frozen(kw_only=True)
class MovementConfig:
    """Settings of ``movement``.

    Attributes:
        lr: Learning rate of the short fine-tuning (AdamW).
        epochs: Passes over the batches of the probe.
    """

    lr: float = attrs.field(default=2e-5, validator=gt(0.0))
    epochs: int = attrs.field(default=5, validator=ge(1))


@attrs.frozen(kw_only=True)
class SensitivityConfig:
    """Settings of ``sensitivity``.

    Attributes:
        lr: Learning rate of the weights in the short fine-tuning (AdamW).
        gate_lr: Learning rate of the gates.
        penalty: Weight λ of the sum of all |gates| in the loss.
        epochs: Passes over the batches of the probe.
    """

    lr: float = attrs.field(default=2e-5, validator=gt(0.0))
    gate_lr: float = attrs.field(default=1e-2, validator=gt(0.0))
    penalty: float = attrs.field(default=1e-4, validator=gt(0.0))
    epochs: int = attrs.field(default=5, validator=ge(1))


@hookimpl
def instatune_orderings() -> Iterator[OrderingEntry]:
    """Offer the order of the checkpoint, and measures of weights, activations and gradients."""
    yield OrderingEntry(
        name="none",
        target="instatune_plugins.orderings.none:Unordered",
        gives_importance=False,
        summary="order of the checkpoint, as in the InstaTune paper",
    )
    yield OrderingEntry(
        name="l1",
        target="instatune_plugins.orderings.l1:L1",
        summary="L1 norm of the weights that read a unit (Once-for-All)",
    )
    yield OrderingEntry(
        name="l2",
        target="instatune_plugins.orderings.l2:L2",
        summary="L2 norm of the weights that read a unit (BootstrapNAS)",
    )
    yield OrderingEntry(
        name="taylor",
        target="instatune_plugins.orderings.taylor:Taylor",
        needs_gradients=True,
        summary="change of the loss when a unit is gated, to first order (Michel et al.)",
    )
    yield OrderingEntry(
        name="activation",
        target="instatune_plugins.orderings.activation:Activation",
        summary="weights times the norm of the activations that they read (Wanda)",
    )
    yield OrderingEntry(
        name="movement",
        target="instatune_plugins.orderings.movement:Movement",
        config=MovementConfig,
        needs_gradients=True,
        summary="whether the weights of a unit grow in a short fine-tuning (EFTNAS)",
    )
    yield OrderingEntry(
        name="sensitivity",
        target="instatune_plugins.orderings.sensitivity:Sensitivity",
        config=SensitivityConfig,
        needs_gradients=True,
        summary="gates that survive a short fine-tuning with an L1 penalty (Sensi-BERT)",
    )

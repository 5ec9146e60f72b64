"""Settings of the adapter ``resnet``. Light: no torch."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import ge, optional


@attrs.frozen(kw_only=True)
class ResnetAdapterConfig:
    """Settings of ``resnet``.

    Attributes:
        arch: Name of a timm model, e.g. ``resnet50``, or ``cifar_resnet20`` to ``cifar_resnet110``,
            for weights without a ``config.json`` that says it.
        model_args: Arguments of that model where they are not its own, e.g. ``{in_chans: 1}``.
        image_size: Side of the images in pixels, which MACs follow. None: that of the checkpoint.
        pretrained: Whether to read weights. False: all are drawn at random from the seed of the
            run, and the name of a model is checkpoint enough.
        revision: Branch, tag or commit of a model on the hub.
    """

    arch: str | None = None
    model_args: dict[str, Any] = attrs.field(factory=dict)
    image_size: int | None = attrs.field(default=None, validator=optional(ge(8)))
    pretrained: bool = True
    revision: str = "main"

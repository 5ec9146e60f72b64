"""Settings of the adapter ``vit``. Light: no torch."""

from __future__ import annotations

import attrs
from attrs.validators import ge, optional


@attrs.frozen(kw_only=True)
class VitAdapterConfig:
    """Settings of ``vit``.

    Attributes:
        arch: Name of a timm model, e.g. ``deit_tiny_patch16_224``, for weights without a
            ``config.json`` that says it.
        image_size: Side of the images in pixels; position embeddings are resized to it. None: that
            of the checkpoint. For timm models only.
        pretrained: Whether to read weights. False: all are drawn at random from the seed of the
            run, and the checkpoint needs no more than a ``config.json``.
        revision: Branch, tag or commit of a model on the hub.
    """

    arch: str | None = None
    image_size: int | None = attrs.field(default=None, validator=optional(ge(8)))
    pretrained: bool = True
    revision: str = "main"

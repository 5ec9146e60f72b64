"""Settings of the adapter ``beit3``. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, optional


@attrs.frozen(kw_only=True)
class Beit3AdapterConfig:
    """Settings of ``beit3``.

    Attributes:
        head: What the model is for: ``vqa`` takes an image and a question, ``image_classification``
            an image alone, without the text expert. None: what the checkpoint was written for;
            ``vqa`` where it does not say.
        image_size: Side of the images in pixels; position embeddings are resized to it. None: that
            of the checkpoint.
        pretrained: Whether to read weights. False: all are drawn at random from the seed of the
            run, and the checkpoint needs no more than a ``config.json``.
    """

    head: Literal["vqa", "image_classification"] | None = None
    image_size: int | None = attrs.field(default=None, validator=optional(ge(1)))
    pretrained: bool = True

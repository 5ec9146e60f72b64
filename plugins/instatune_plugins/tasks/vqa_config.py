"""Settings of the task ``vqa``. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, le, lt, optional


@attrs.frozen(kw_only=True)
class VqaConfig:
    """Settings of ``vqa``: files of JSON lines, and a folder of images."""

    # {"image": "a/1.png", "question": "what is it?", "answer": "a cat"}, or "answers": [...]
    train: str  # file to tune on
    test: str  # file that is looked at once, at the end
    search: str | None = None  # file for the search; None: carved from train, whole images
    images: str | None = None  # folder that image paths start in; None: that of each file

    answers: int = attrs.field(default=3129, validator=ge(2))  # the most frequent ones of train
    # bce: each answer for itself, as usual for questions with several answers;
    # cross_entropy: the best answer alone; auto: bce if a training question has several answers
    loss: Literal["auto", "bce", "cross_entropy"] = "auto"
    max_length: int = attrs.field(default=64, validator=ge(4))  # tokens; longer questions are cut
    pad_multiple: int = attrs.field(default=1, validator=ge(1))  # tokens; 8 suits GPUs with bf16

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of train
    search_examples: int | None = attrs.field(default=None, validator=optional(ge(1)))  # overrides
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs

    augment: Literal["none", "light"] = "none"  # light: shifts images; never mirrors: left is left
    # Share of the side that is kept; None: the model's, 1.0 shows whole images.
    crop: float | None = attrs.field(default=None, validator=optional([gt(0.0), le(1.0)]))
    verify: bool = True  # decode every image before training, so that a damaged one is found early
    threads: int | None = attrs.field(default=None, validator=optional(ge(1)))  # None: as torch

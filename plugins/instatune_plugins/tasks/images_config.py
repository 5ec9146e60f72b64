"""Settings of the tasks on images. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, le, lt, optional


@attrs.frozen(kw_only=True)
class DigitsConfig:
    """Settings of ``digits``."""

    search_share: float = attrs.field(default=0.15, validator=[gt(0.0), lt(0.5)])  # of all images
    max_train: int | None = attrs.field(default=None, validator=optional(ge(20)))  # quick runs
    augment: Literal["none", "light"] = "none"  # light: shifts by up to one of the 8 pixels


@attrs.frozen(kw_only=True)
class ImageClassificationConfig:
    """Settings of ``image_classification``: folders, Parquet files, or a Hugging Face dataset."""

    # A folder with a sub-folder for each class; a Parquet file, a folder or pattern of such files.
    train: str | None = None  # to tune on
    test: str | None = None  # looked at once, at the end
    search: str | None = None  # for the search; None: carved from train

    dataset: str | None = None  # name on the hub, or a folder that `datasets` can read
    subset: str | None = None  # configuration of the dataset
    revision: str | None = None  # commit or tag of the dataset
    train_split: str = "train"
    test_split: str | None = None  # None: "test" if it is labelled, else "validation"
    search_split: str | None = None  # None: carved from train

    image: str | None = None  # column of the images; None: found by common names
    label: str | None = None  # column of the labels; None: found by common names

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of train
    search_examples: int | None = attrs.field(default=None, validator=optional(ge(1)))  # overrides
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs

    # Of training images; light: shifts and mirrors them; timm: DeiT's recipe (random crops,
    # RandAugment, random erasing), for long trainings.
    augment: Literal["none", "light", "timm"] = "none"
    mirror: bool = True  # whether a mirrored image is of the same class; letters are not
    # Share of the side that evaluation keeps; None: the model's, 1.0 suits small images.
    crop: float | None = attrs.field(default=None, validator=optional([gt(0.0), le(1.0)]))
    verify: bool = True  # decode every image before training, so that a damaged one is found early
    threads: int | None = attrs.field(default=None, validator=optional(ge(1)))  # None: as torch

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.dataset is None and (self.train is None or self.test is None):
            raise ValueError("give 'train' and 'test' (folders or files), or a 'dataset'")
        if self.dataset is not None and (self.train or self.test or self.search):
            raise ValueError("give either 'train', 'test' and 'search', or a 'dataset'")

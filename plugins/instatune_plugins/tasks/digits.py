"""Handwritten digits that ship with scikit-learn: 1,797 grey images of 8 by 8 pixels.

The test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak, 1998).
They are enlarged to the size that the model takes.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from instatune.interfaces import Example, Splits
from instatune_plugins.tasks.images_classifier import ImageClassifier
from instatune_plugins.tasks.images_config import DigitsConfig
from instatune_plugins.tasks.images_splits import ImageSets, splits
from instatune_plugins.tasks.splitting import carve

TEST_SHARE = 0.2
"""Of all images; which ones does not depend on the seed, so that runs can be compared."""


class Digits(ImageClassifier):
    """The digits 0 to 9."""

    config: DigitsConfig

    def __init__(self, config: DigitsConfig | None = None) -> None:
        super().__init__(config or DigitsConfig())
        self.augment = self.config.augment
        self.mirror = False  # a mirrored 5 looks like a 2
        self.crop = 1.0  # strokes reach the border
        self.verify = False  # nothing is read from files

    def load(self, seed: int) -> Splits:
        """Take the images out of scikit-learn.

        Args:
            seed: For carving the search split, and for ``max_train``.
        """
        from sklearn.datasets import load_digits

        images, targets = load_digits(return_X_y=True)
        every: list[Example] = [
            {"image": _png(image), "label": int(target), "name": f"digit {i}"}
            for i, (image, target) in enumerate(zip(images, targets, strict=True))
        ]
        rest, test = carve(every, round(TEST_SHARE * len(every)), np.random.default_rng(0))
        rng = np.random.default_rng((seed, 0xD161))
        train, search = carve(rest, round(self.config.search_share * len(every)), rng)
        sets = ImageSets(
            train=train,
            search=search,
            test=test,
            labels=tuple(map(str, range(10))),
            source="handwritten digits of scikit-learn, 8 by 8 pixels",
            carved=f"carved by class, seed {seed}",
        )
        return splits(sets, self.config.max_train, rng)


def _png(pixels: NDArray[np.float64]) -> bytes:
    """Values 0 to 16 ``[64]`` as a grey image file."""
    file = io.BytesIO()
    grey = (pixels.reshape(8, 8) * (255 / 16)).round().astype(np.uint8)
    Image.fromarray(grey).save(file, format="PNG")
    return file.getvalue()

"""Classification of images from folders, Parquet files, or a dataset of a hub."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from instatune.errors import DataError
from instatune.interfaces import Example, Splits
from instatune_plugins.tasks.columns import SHOWN, find_labels, label_of
from instatune_plugins.tasks.images_classifier import ImageClassifier
from instatune_plugins.tasks.images_config import ImageClassificationConfig
from instatune_plugins.tasks.images_sources import image_of, read_tables
from instatune_plugins.tasks.images_splits import ImageSets, splits
from instatune_plugins.tasks.splitting import carve
from instatune_plugins.tasks.table import Table


class ImageClassification(ImageClassifier):
    """Images with labels, wherever they are."""

    config: ImageClassificationConfig

    def __init__(self, config: ImageClassificationConfig) -> None:
        super().__init__(config)
        self.augment, self.mirror, self.crop = config.augment, config.mirror, config.crop
        self.verify, self.threads = config.verify, config.threads

    def load(self, seed: int) -> Splits:
        """Read the splits; carve the search split from the training data where it has no place.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer images.

        Raises:
            DataError: Images are missing, of a single class, or of a class that training lacks.
        """
        tables = read_tables(self.config)
        names = find_labels(tables["train"], "label")
        indices = {name: index for index, name in enumerate(names)}
        read = {split: _examples(table, indices) for split, table in tables.items()}
        rng = np.random.default_rng((seed, 0x1A6E5))
        train, how = read["train"], "as given"
        if "search" not in read:
            train, read["search"] = self._carve(train, rng)
            how = f"carved from train by class, seed {seed}"
        sets = ImageSets(
            train=train,
            search=read["search"],
            test=read["test"],
            labels=names,
            source=", ".join(table.source for table in tables.values()),
            carved=how,
        )
        return splits(sets, self.config.max_train, rng)

    def _carve(
        self, train: list[Example], rng: np.random.Generator
    ) -> tuple[list[Example], list[Example]]:
        config = self.config
        count = config.search_examples or round(config.search_share * len(train))
        setting = "search_share" if config.search_examples is None else "search_examples"
        rest, search = carve(train, count, rng) if 0 < count < len(train) else ([], [])
        if not search:
            raise DataError(
                f"task.{setting}: {count:,} of {len(train):,} training images cannot be carved;"
                " some of a class must go and some must stay: change it, or give `search`"
            )
        return rest, search


def _examples(table: Table, labels: Mapping[str, int]) -> list[Example]:
    found: list[Example] = []
    for row in range(len(table)):
        image, name = image_of(table, row)
        label = label_of(table, "label", row)
        if label not in labels:
            known = ", ".join(list(labels)[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
            raise DataError(
                f"{name}: label {label!r} does not occur in the training images ({known}); add"
                " some, or leave it out"
            )
        found.append({"image": image, "label": labels[label], "name": name})
    return found

from __future__ import annotations

import pytest

from instatune.testing.contracts.task import TaskContract
from instatune_plugins.tasks import ImageClassificationConfig


class TestDigits(TaskContract):
    entry = "digits"

    @pytest.fixture(autouse=True)
    def _settings(self, settings):
        self.settings_of_images = {**settings, "input_size": (1, 8, 8), "mean": (0.5,)}
        self.settings_of_images["std"] = (0.25,)

    def processor(self):
        return self.settings_of_images


class TestFolders(TaskContract):
    entry = "image_classification"

    @pytest.fixture(autouse=True)
    def _files(self, folders, settings):
        self.data = folders("data", {"cat": 12, "dog": 10, "owl": 9})
        self.settings_of_images = settings

    def config(self):
        return ImageClassificationConfig(train=self.data, test=self.data)

    def processor(self):
        return self.settings_of_images

    def splits(self, seed=0):
        return self.make().load(seed)  # each test has a folder of its own


class TestParquet(TestFolders):
    @pytest.fixture(autouse=True)
    def _files(self, parquet, settings):
        self.data = parquet("data.parquet", [0, 1, 2] * 10, ["cat", "dog", "owl"])
        self.settings_of_images = settings


class TestLightAugmentation(TestFolders):
    def config(self):
        return ImageClassificationConfig(train=self.data, test=self.data, augment="light")

from __future__ import annotations

import pytest

from instatune.testing.contracts.task import TaskContract
from instatune_plugins.tasks import VqaConfig


class VqaContract(TaskContract):
    entry = "vqa"

    def config(self):
        return VqaConfig(**self.files)

    def processor(self):
        return self.prepared

    def splits(self, seed=0):
        return self.make().load(seed)  # each test has files of its own


class TestOneAnswer(VqaContract):
    @pytest.fixture(autouse=True)
    def _files(self, shapes, processor):
        self.files, self.prepared = shapes, processor


class TestSeveralAnswers(VqaContract):
    @pytest.fixture(autouse=True)
    def _files(self, votes, processor):
        self.files, self.prepared = votes, processor


class TestShiftedImages(TestOneAnswer):
    def config(self):
        return VqaConfig(**self.files, augment="light")


del VqaContract  # pytest would collect it

from __future__ import annotations

from typing import ClassVar

import pytest

from instatune.testing.contracts.adapter import AdapterContract


class Beit3Contract(AdapterContract):
    entry = "beit3"
    head: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _makers(self, beit3):
        self.beit3 = beit3

    def checkpoint(self, folder):
        return str(self.beit3.write(folder, self.head))

    def batch(self, adapter, checkpoint):
        return self.beit3.batch(text=self.head == "vqa")


class TestQuestions(Beit3Contract):
    head = "vqa"


class TestImages(Beit3Contract):
    head = "image_classification"


class TestRandomWeights(Beit3Contract):
    head = "vqa"
    settings: ClassVar = {"pretrained": False}

    def checkpoint(self, folder):
        super().checkpoint(folder)
        (folder / "model.safetensors").unlink()
        return str(folder)


del Beit3Contract  # pytest would collect it

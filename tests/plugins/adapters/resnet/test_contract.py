from __future__ import annotations

from typing import ClassVar

import pytest

from instatune.testing.contracts.adapter import AdapterContract


class ResnetContract(AdapterContract):
    entry = "resnet"
    checkpoint_kind: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _makers(self, resnets):
        self.resnets = resnets

    def checkpoint(self, folder):
        return str(self.resnets.write(self.checkpoint_kind, folder))

    def batch(self, adapter, checkpoint):
        return self.resnets.images(self.checkpoint_kind, count=2)


class TestBottleneck(ResnetContract):
    checkpoint_kind = "bottleneck"


class TestCifar(ResnetContract):
    checkpoint_kind = "cifar"


class TestRandomWeights(ResnetContract):
    checkpoint_kind = "cifar"
    settings: ClassVar = {"pretrained": False}


del ResnetContract  # pytest would collect it

from __future__ import annotations

import json
from typing import ClassVar

import pytest
import torch

from instatune.testing.contracts.adapter import AdapterContract


class VitContract(AdapterContract):
    entry = "vit"
    checkpoint_kind: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _makers(self, vits):
        self.vits = vits

    def checkpoint(self, folder):
        return str(self.vits.write(self.checkpoint_kind, folder))

    def batch(self, adapter, checkpoint):
        generator = torch.Generator().manual_seed(0)
        return {"pixel_values": torch.randn(2, 3, 16, 16, generator=generator)}


class TestTimm(VitContract):
    checkpoint_kind = "vit"


class TestBeit3(VitContract):
    checkpoint_kind = "beit3"


class TestTransformers(VitContract):
    checkpoint_kind = "hf_beit"


class TestRandomWeights(VitContract):
    checkpoint_kind = "vit"
    settings: ClassVar = {"pretrained": False}

    def checkpoint(self, folder):
        super().checkpoint(folder)
        (folder / "model.safetensors").unlink()
        assert json.loads((folder / "config.json").read_text())["model_args"]["depth"] == 2
        return str(folder)


del VitContract  # pytest would collect it

"""Published weights on real images; left out where these are not beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from instatune_plugins.adapters.resnet import Resnet
from instatune_plugins.adapters.resnet_config import ResnetAdapterConfig
from instatune_plugins.tasks.image_classification import ImageClassification
from instatune_plugins.tasks.images_config import ImageClassificationConfig

DATA = Path(__file__).parents[5] / "shared" / "data"
CIFAR = DATA / "cifar10"


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "weights").is_dir(), reason="no weights beside the project")
@pytest.mark.parametrize(("depth", "published"), [(20, 0.9173), (56, 0.932)])
def test_published_models_are_as_good_as_published(depth, published, seeded):
    adapter = Resnet(ResnetAdapterConfig(arch=f"cifar_resnet{depth}"))
    file = str(DATA / "weights" / f"resnet{depth}_cifar10.safetensors")
    paths = {"train": str(CIFAR / "test.parquet"), "test": str(CIFAR / "test.parquet")}
    task = ImageClassification(
        ImageClassificationConfig(**paths, max_train=20, search_examples=20, crop=1.0, verify=False)
    )
    model, test = adapter.load(file, 10, seeded()), task.load(0).test[:300]
    batch = task.collate(task.encode(test, adapter.processor(file)))
    with torch.inference_mode():
        accuracy = task.correct(adapter.logits(model, batch), batch).mean()

    assert accuracy == pytest.approx(published, abs=0.035)

"""BEiT-3 as a classifier of images, from nothing but a configuration."""

from __future__ import annotations

import json

import torch

from instatune_plugins.adapters.beit3 import Beit3Adapter
from instatune_plugins.adapters.beit3_config import Beit3AdapterConfig
from instatune_plugins.tasks import DigitsConfig
from instatune_plugins.tasks.digits import Digits


def test_it_learns_digits_from_random_weights(beit3, tmp_path, seeded):
    config = beit3.config("image_classification", num_channels=1, hidden_size=32, patch_size=4)
    (tmp_path / "config.json").write_text(json.dumps(config))
    adapter = Beit3Adapter(Beit3AdapterConfig(pretrained=False))
    task = Digits(DigitsConfig(max_train=100))
    model = adapter.load(str(tmp_path), 10, seeded())
    batch = task.collate(task.encode(task.load(0).train, adapter.processor(str(tmp_path))))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    losses = []
    for _ in range(30):
        loss = task.loss(adapter.logits(model, batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert 2.0 < losses[0] < 3.0
    assert losses[-1] < 1.0
    assert task.correct(adapter.logits(model, batch), batch).mean() > 0.7

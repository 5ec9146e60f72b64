"""The adapter keeps the contract of adapters; families are told apart in the other tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from instatune.testing.contracts import AdapterContract
from instatune.testing.expect import expect


class TestLlama(AdapterContract):
    entry = "llama"
    problem = "causal_lm"
    n_outputs = 0  # the head stays
    family = "llama"
    tolerance = 1e-5

    @pytest.fixture(autouse=True)
    def _made(self, write_checkpoint, batch):
        self.write, self.tokens = write_checkpoint, batch

    def checkpoint(self, folder: Path) -> str:
        return str(self.write(folder, self.family))

    def batch(self, adapter, checkpoint):
        return self.tokens

    def test_the_head_has_the_wanted_outputs(self, tmp_path):
        logits = self.logits(self.load(tmp_path), tmp_path)

        expect(logits.shape == (3, 9, 50), f"logits have shape {list(logits.shape)}")
        expect(bool(torch.isfinite(logits).all()), "a logit is not finite")


class TestTiedAndBiased(TestLlama):
    family = "llama_biased_tied"


class TestQwen3(TestLlama):
    family = "qwen3"

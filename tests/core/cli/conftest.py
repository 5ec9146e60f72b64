"""A spec file for a BERT that exists as a configuration only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TEXT = """\
spec: 1
name: small
model: {{adapter: bert, checkpoint: {checkpoint}}}
task: python_docs
space:
  depth: [2, 4]
  heads: [6, 12]
search: {{strategy: random}}
constraints: {{macs: {{max: 0.6}}}}
"""


@pytest.fixture
def spec_file(tmp_path, monkeypatch) -> Path:
    """A good spec in the working directory, with its checkpoint beside it."""
    (tmp_path / "model").mkdir()
    config = {
        "model_type": "bert",
        "vocab_size": 100,
        "hidden_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 12,
        "intermediate_size": 96,
        "max_position_embeddings": 64,
    }
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "spec.yaml").write_text(TEXT.format(checkpoint="./model"))
    monkeypatch.chdir(tmp_path)
    return Path("spec.yaml")

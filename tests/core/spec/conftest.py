"""A small BERT that exists as a configuration only, and specs for it."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from instatune.plugin.entries import Entry, kind_of
from instatune.plugin.manager import Plugins, discover
from instatune.plugin.registry import Offer, Registry

BERT = {
    "model_type": "bert",
    "vocab_size": 100,
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 12,
    "intermediate_size": 96,
    "max_position_embeddings": 64,
}


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return discover(only=["instatune"])


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    """A folder with 4 layers, 12 heads and 96 neurons; no weights."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "config.json").write_text(json.dumps(BERT))
    return folder


@pytest.fixture
def spec(bert) -> dict:
    """The smallest good spec."""
    return {
        "spec": 1,
        "name": "small",
        "model": {"adapter": "bert", "checkpoint": str(bert)},
        "task": "python_docs",
        "space": {"depth": [2, 4], "heads": [6, 12]},
        "search": {"strategy": "random"},
    }


@pytest.fixture
def offering(plugins):
    """First-party plugins with further entries of a distribution ``extra 2.0``."""

    def make(*entries: Entry) -> Plugins:
        registries = dict(plugins.registries)
        for entry in entries:
            kind = kind_of(entry)
            offer = Offer(entry=entry, distribution="extra", version="2.0", module="extra")
            known = registries[kind]
            registries[kind] = Registry(
                kind=kind, entries=(*known.entries, offer), broken=known.broken
            )
        return attrs.evolve(plugins, registries=registries)

    return make

"""Comparisons on the made-up benchmark, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from instatune.engine.compare.run import compare
from instatune.plugin.manager import discover

PLUGIN = Path(__file__).with_name("made_up.py")


@pytest.fixture
def document(tmp_path):
    """Makes a comparison as a mapping; keywords change it."""

    def make(**changes):
        return {
            "compare": 1,
            "name": "made up",
            "run_dir": str(tmp_path / "out"),
            "benchmark": "made_up",
            "strategies": ["drawn", "oracle"],
            "seeds": 3,
            "evaluations": 30,
            "reporters": [],
            "plugins": {"files": [str(PLUGIN)]},
            **changes,
        }

    return make


@pytest.fixture(scope="session")
def plugins():
    return discover(files=[PLUGIN])


@pytest.fixture
def run(document, plugins):
    """Runs a comparison in this process."""
    return lambda **changes: compare(document(**changes), plugins=plugins)

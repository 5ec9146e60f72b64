from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def made():
    """The module with comparisons of known answers."""
    path = Path(__file__).with_name("made.py")
    spec = importlib.util.spec_from_file_location("compared_made", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

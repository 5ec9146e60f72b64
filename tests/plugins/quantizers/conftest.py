from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models():
    """The models beside this file."""
    spec = importlib.util.spec_from_file_location("quantizer_models", Path(__file__).parent / "models.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

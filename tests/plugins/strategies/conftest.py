from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def driver():
    """The module of the synthetic problem and of the tiny search loop."""
    spec = importlib.util.spec_from_file_location("driver", Path(__file__).with_name("driver.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

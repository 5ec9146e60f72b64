from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from instatune.interfaces import Summary


def _module(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "core" / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"reporters_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example() -> ModuleType:
    return _module("example")


@pytest.fixture(scope="session")
def reading() -> ModuleType:
    return _module("html_reading")


@pytest.fixture(scope="session")
def summary(example: ModuleType) -> Summary:
    return example.example_summary()

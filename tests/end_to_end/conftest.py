from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _module(name: str):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy():
    """The toy pipeline: see ``toy.py``."""
    return _module("toy")


@pytest.fixture(scope="session")
def smoke():
    """The examples at smoke size: see ``smoke.py``."""
    return _module("smoke")


@pytest.fixture(scope="session")
def finished(toy, tmp_path_factory):
    """A finished run of the toy, shared by tests that only read it."""
    import instatune

    folder = tmp_path_factory.mktemp("finished")
    return instatune.run(toy.make(folder))

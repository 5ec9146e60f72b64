from __future__ import annotations

import pytest

from instatune.testing.plugins import on_path


@pytest.fixture
def site(tmp_path):
    """A folder for distributions, on the import path."""
    folder = tmp_path / "site"
    folder.mkdir()
    with on_path(folder):
        yield folder

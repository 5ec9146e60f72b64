from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def full_disk(monkeypatch):
    """Make the temporary file beside a path a door to ``/dev/full``, which takes no byte."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")

    def fill(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr("instatune.files.uuid.uuid4", lambda: SimpleNamespace(hex="x"))
        path.with_name(f".{path.name}.x.part").symlink_to("/dev/full")

    return fill

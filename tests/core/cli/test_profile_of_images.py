from __future__ import annotations

from instatune.cli.profile import lines
from instatune.engine.profile import Profile, Size


def test_models_without_tokens_are_not_told_of_any():
    size = Size(name="largest", macs=40_600_000, parameters=270_000, size_bytes=1_080_000)
    found = Profile(size=1, choices=(), networks=(size,), tokens=1, bounds=(), stages=())

    text = "\n".join(lines("spec.yaml", found))

    assert "MACs" in text
    assert "token" not in text

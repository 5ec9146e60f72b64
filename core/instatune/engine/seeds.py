"""Seeds: one number from many, so that every piece of work has its own stream."""

from __future__ import annotations

import hashlib


def derive(seed: int, *labels: object) -> int:
    """Derive a 63-bit seed from a seed and labels; equal inputs give equal seeds everywhere."""
    text = "/".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

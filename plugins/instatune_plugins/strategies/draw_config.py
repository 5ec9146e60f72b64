"""Settings of random networks, which every strategy begins with."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class DrawConfig:
    """How random networks are drawn; part of every strategy.

    Attributes:
        over: ``"genes"`` draws each gene uniformly, the paper's reading; ``"networks"`` draws each
            distinct network with the same chance, which makes deep ones far more likely.
        seeds: ``"extremes"`` measures the largest and the smallest network first. ``"none"`` by
            default: compared with a search that lacks them, most of the gain would be theirs.
    """

    over: Literal["genes", "networks"] = "genes"
    seeds: Literal["none", "extremes"] = "none"


@attrs.frozen(kw_only=True)
class RandomConfig(DrawConfig):
    """Settings of ``random``."""

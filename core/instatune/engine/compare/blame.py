"""Faults of a plugin that is not the strategy itself: the error knows who is to blame."""

from __future__ import annotations

from instatune.errors import PluginError


class BlamedError(PluginError):
    """A predictor or a benchmark misbehaves while a strategy searches.

    Attributes:
        blame: The component and where it comes from.
    """

    def __init__(self, blame: str, what: str) -> None:
        self.blame = blame
        super().__init__(f"{blame} {what}")

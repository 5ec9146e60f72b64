"""Executor: where evaluations run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(ABC):
    """Runs independent calls somewhere."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Call ``function`` on each item and give results in order; exceptions come through."""

    def close(self) -> None:
        """Free what was taken. Called once, also after an error."""
        return None

"""In-process execution, one item after the other: the model is shared and stays where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from instatune.interfaces import Executor

if TYPE_CHECKING:
    from instatune.interfaces.executor import Item, Result


class Local(Executor):
    """Calls the function when its result is asked for, so each one is kept before the next runs."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Call ``function`` on each item; see :meth:`Executor.map`."""
        return map(function, items)

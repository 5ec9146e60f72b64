"""Libraries that warn of their own inner workings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Drop the warnings of a call into a library that nobody can act upon."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

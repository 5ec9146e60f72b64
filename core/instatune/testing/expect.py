"""Checks with a message; unlike ``assert`` they work where pytest rewrites nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def expect(condition: object, message: str) -> None:
    """Fail a test.

    Raises:
        AssertionError: The condition is false; with the message.
    """
    if not condition:
        raise AssertionError(message)


@contextmanager
def no_hidden_randomness() -> Iterator[None]:
    """Expect that no global generator (random, numpy, torch) is drawn from or seeded."""
    before = _states()
    yield
    for name, state in _states().items():
        expect(
            state == before.get(name, state),
            f"the global generator of {name} was used; draw from the generator that is passed in",
        )


def _states() -> dict[str, str]:
    states = {"random": repr(random.getstate()), "numpy": repr(_numpy_state())}
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = repr(torch.random.get_rng_state().tolist())
    return states


def _numpy_state() -> object:
    state = np.random.get_state(legacy=False)
    return [
        str(state["bit_generator"]),
        str(np.asarray(state["state"]["key"]).tolist()),
        state["state"]["pos"],
    ]

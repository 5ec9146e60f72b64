"""Checks with a message; unlike ``assert`` they work where pytest rewrites nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

Made = TypeVar("Made")


def expect(condition: object, message: str) -> None:
    """Fail a test.

    Raises:
        AssertionError: The condition is false; with the message.
    """
    if not condition:
        raise AssertionError(message)


def expect_error(kind: type[Exception], action: Callable[[], object], message: str) -> None:
    """Expect that an action raises an error of a kind; others come through.

    Raises:
        AssertionError: Nothing was raised; with the message.
    """
    try:
        action()
    except kind:
        return
    expect(False, message)


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


def twice_with_other_globals(make: Callable[[], Made]) -> tuple[Made, Made]:
    """Do something twice, with the global generators of random and numpy in different states.

    Weaker than :func:`no_hidden_randomness`, for components that wrap a library: some draw a number
    from a global generator that changes nothing. The generators are put back.
    """
    before = random.getstate(), np.random.get_state()
    try:
        results = []
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)
            results.append(make())
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    return results[0], results[1]


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

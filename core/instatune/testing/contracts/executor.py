"""Contract of executors."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

import time
from typing import ClassVar, cast

from instatune.interfaces import Executor
from instatune.plugin.entries import Kind
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect


def square(number: int) -> int:
    """Take longer for early items, so that hasty executors get the order wrong."""
    time.sleep(0.02 if number == 0 else 0.0)
    return number * number


def refuse_seven(number: int) -> int:
    """Fail for one item."""
    if number == 7:
        raise ValueError("seven is refused")
    return number


class ExecutorContract(Contract):
    """Results in order, exceptions come through, closing always works."""

    kind: ClassVar[Kind] = "executors"

    def test_results_come_in_the_order_of_the_items(self) -> None:
        executor = cast("Executor", self.make())
        try:
            results = list(executor.map(square, range(20)))
        finally:
            executor.close()
        expect(results == [n * n for n in range(20)], f"results out of order: {results}")

    def test_no_items_give_no_results(self) -> None:
        executor = cast("Executor", self.make())
        results = list(executor.map(square, []))
        executor.close()
        expect(not results, f"nothing was asked, but {results} came back")

    def test_it_maps_more_than_once(self) -> None:
        executor = cast("Executor", self.make())
        first, second = list(executor.map(square, [1, 2])), list(executor.map(square, [3]))
        executor.close()
        expect((first, second) == ([1, 4], [9]), f"two maps gave {first} and {second}")

    def test_exceptions_come_through_after_the_results_before_them(self) -> None:
        executor = cast("Executor", self.make())
        results, caught = [], None
        try:
            for result in executor.map(refuse_seven, range(10)):
                results.append(result)
        except ValueError as error:
            caught = str(error)
        finally:
            executor.close()
        expect(caught == "seven is refused", f"the exception was lost or changed: {caught!r}")
        expect(results == list(range(7)), f"results before the failure: {results}")

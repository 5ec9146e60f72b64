"""The executor that runs in the process of the run."""

from __future__ import annotations

from instatune.testing.contracts import ExecutorContract
from instatune_plugins.executors.local import Local


class TestLocal(ExecutorContract):
    entry = "local"


def test_each_result_is_given_before_the_next_item_is_begun():
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        return item

    results = Local().map(work, iter(range(3)))

    assert begun == []
    assert next(results) == 0
    assert begun == [0]


def test_work_is_done_in_this_process():
    seen = []

    list(Local().map(seen.append, [1, 2]))

    assert seen == [1, 2]

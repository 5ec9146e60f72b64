"""Where cells run: in this process, or in several at once.

A worker process starts from nothing (``spawn``), finds the plugins, reads the same comparison and
opens the benchmark itself, so that no plugin has to be copied from process to process. It computes
with one thread, as the processes would fight for cores otherwise.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import attrs

from instatune.engine.compare.cell import Cell, run_cell
from instatune.engine.compare.ground import Ground, open_ground, store_path
from instatune.engine.store import Store
from instatune.errors import DataError, SearchError
from instatune.plugin.manager import discover
from instatune.spec.comparison.resolve import prepare

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@attrs.frozen(kw_only=True)
class Setup:
    """All that a worker process needs to begin; plain data.

    Attributes:
        text: The comparison as YAML.
        only: Plugins that alone take part, see :func:`instatune.plugin.manager.discover`.
        strict: Whether a broken plugin is an error.
        fingerprint: Of the benchmark as the main process opened it.
    """

    text: str
    only: tuple[str, ...] | None = None
    strict: bool = False
    fingerprint: str = ""


def in_processes(
    cells: Sequence[Cell], setup: Setup, workers: int
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Run cells in worker processes and give each with its record as it finishes.

    Raises:
        SearchError: A process died.
    """
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    with _one_thread():
        pool = ProcessPoolExecutor(min(workers, len(cells)), mp_context=context, initializer=_begin)
        done = False
        try:
            futures = {pool.submit(_run, setup, cell): cell for cell in cells}
            yield from _finished(futures)
            done = True
        except BrokenProcessPool as error:
            raise SearchError(
                "a worker process died, perhaps for want of memory; set fewer workers and run the"
                " same command again: finished cells are kept"
            ) from error
        finally:
            pool.shutdown(wait=done, cancel_futures=True)
            if not done:
                for child in set(multiprocessing.active_children()) - before:
                    child.terminate()


def _finished(futures: dict[Future[None], Cell]) -> Iterator[tuple[Cell, dict[str, Any]]]:
    for future in as_completed(futures):
        future.result()
        cell = futures[future]
        yield cell, cell.read()


def _run(setup: Setup, cell: Cell) -> None:
    run_cell(cell, _opened(setup))


@lru_cache(maxsize=1)
def _opened(setup: Setup) -> Ground:
    """The benchmark, opened once in each worker process."""

    def find(**asked: Any) -> Any:
        return discover(only=setup.only, strict=setup.strict, **asked)

    plan, _ = prepare(setup.text, find=find)
    ground = open_ground(plan, Store(store_path(plan)))
    if ground.arena.fingerprint != setup.fingerprint:
        raise DataError(
            f"benchmark {plan.benchmark.name!r}: its data changed while strategies were compared;"
            " run the same command again"
        )
    return ground


def _begin() -> None:
    """Prepare a worker process: it ends with the main one, and only with it.

    Ctrl-C reaches every process of a terminal; the main one ends the others. A main process that is
    killed can end nobody, so each worker looks after it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_main, daemon=True).start()


def _end_with_main() -> None:
    main = multiprocessing.parent_process()
    if main is not None:
        main.join()
        os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Children inherit these variables, which libraries read when they are loaded."""
    kept = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

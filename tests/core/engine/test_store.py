from __future__ import annotations

import sqlite3

import pytest

from instatune.engine.store import Store
from instatune.errors import StoreError
from instatune.interfaces import Measurement
from instatune.space import Architecture

NET = Architecture({"depth": 2, "ffn.0": 64})


def test_a_measurement_comes_back_as_it_was_put(tmp_path):
    store = Store(tmp_path / "e.sqlite")
    store.put("net", NET, "accuracy", "search", Measurement(0.75, 0.01, 100))
    assert store.get("net", NET, "accuracy", "search") == Measurement(0.75, 0.01, 100)


@pytest.mark.parametrize(
    "place",
    [
        ("other", NET, "accuracy", "search"),
        ("net", Architecture({"depth": 1}), "accuracy", "search"),
        ("net", NET, "macs", "search"),
        ("net", NET, "accuracy", "test"),
    ],
)
def test_every_part_of_the_key_counts(tmp_path, place):
    store = Store(tmp_path / "e.sqlite")
    store.put("net", NET, "accuracy", "search", Measurement(0.75))
    assert store.get(*place) is None


def test_the_first_measurement_of_a_key_stays(tmp_path):
    store = Store(tmp_path / "e.sqlite")
    store.put("net", NET, "accuracy", "search", Measurement(0.75))
    store.put("net", NET, "accuracy", "search", Measurement(0.25))
    assert store.get("net", NET, "accuracy", "search") == Measurement(0.75)
    assert len(store) == 1


def test_what_was_put_is_there_for_the_next_process(tmp_path):
    first = Store(tmp_path / "e.sqlite")
    first.put("net", NET, "accuracy", "search", Measurement(0.5))
    second = Store(tmp_path / "e.sqlite")  # the first one was never closed
    assert second.get("net", NET, "accuracy", "search") == Measurement(0.5)


def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "e.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"e\.sqlite: damaged .*move it away and run again"):
        Store(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_of_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "e.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match=r"newer instatune \(format 99"):
        Store(path)


def test_a_full_disk_is_named_and_what_was_kept_stays(tmp_path):
    store = Store(tmp_path / "e.sqlite")
    store.put("net", NET, "accuracy", "search", Measurement(0.5))
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"e\.sqlite: .*full; free some space and run the same"):
        store.put("net", NET, "accuracy", "x" * 9999, Measurement(0.5))
    assert store.get("net", NET, "accuracy", "search") == Measurement(0.5)


def test_a_database_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "e.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"e\.sqlite: unable to open .*check that it can be"):
        Store(tmp_path / "e.sqlite")


def test_many_measurements_are_put_and_read_at_once(tmp_path):
    store = Store(tmp_path / "x.sqlite")
    networks = [Architecture({"depth": i}) for i in range(1200)]
    store.put_many("s", "d", [(a, "o", Measurement(i, 0.5, 2)) for i, a in enumerate(networks)])
    found = store.get_many("s", [*networks, Architecture({"depth": 5000})], "d")
    assert len(found) == 1200
    assert found[networks[7].key] == {"o": Measurement(7.0, 0.5, 2)}
    assert store.get("s", networks[7], "o", "d") == Measurement(7.0, 0.5, 2)
    assert store.get_many("s", networks, "other") == store.get_many("t", networks, "d") == {}


def test_the_first_of_many_measurements_stays_and_a_failure_keeps_none(tmp_path):
    store, network = Store(tmp_path / "x.sqlite"), Architecture({"depth": 1})
    store.put_many("s", "d", [(network, "o", Measurement(1.0)), (network, "o", Measurement(2.0))])
    assert store.get("s", network, "o", "d").value == 1.0
    with pytest.raises(StoreError):
        store.put_many(
            "s", "d", [(network, "p", Measurement(1.0)), (network, "q", Measurement(object()))]
        )
    assert store.get("s", network, "p", "d") is None
    store.put_many("s", "d", [(network, "p", Measurement(3.0))])

"""The store: every measurement under (super-network, architecture, objective, data), paid once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from instatune.errors import StoreError
from instatune.interfaces import Measurement
from instatune.space import Architecture

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS evaluations (
    supernet     TEXT NOT NULL,  -- digest of weights and space
    architecture TEXT NOT NULL,  -- key of the canonical architecture
    objective    TEXT NOT NULL,  -- name with its settings
    data         TEXT NOT NULL,  -- split, fingerprint and precision; empty for exact objectives
    value        REAL NOT NULL,
    std          REAL NOT NULL,
    n            INTEGER NOT NULL,
    genes        TEXT NOT NULL,  -- the architecture itself, as JSON
    PRIMARY KEY (supernet, architecture, objective, data)
) WITHOUT ROWID
"""
_INSERT = "INSERT OR IGNORE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_GET_MANY = (
    "SELECT architecture, objective, value, std, n FROM evaluations"
    " WHERE supernet = ? AND architecture IN (*) AND data = ?"
)
_MOST_KEYS = 500  # of one statement; SQLite takes 999 at least


class Store:
    """Measurements in an SQLite database (write-ahead log): each is safe as soon as it is put."""

    def __init__(self, path: Path) -> None:
        """Open or make the database.

        Raises:
            StoreError: Not a database, damaged, or written by a newer version.
        """
        self.path = path
        with self._explained():
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def get(
        self, supernet: str, architecture: Architecture, objective: str, data: str
    ) -> Measurement | None:
        """Look a measurement up; None if it was never made."""
        with self._explained():
            row = self._database.execute(
                "SELECT value, std, n FROM evaluations"
                " WHERE supernet = ? AND architecture = ? AND objective = ? AND data = ?",
                (supernet, architecture.key, objective, data),
            ).fetchone()
        return None if row is None else Measurement(*row)

    def put(
        self,
        supernet: str,
        architecture: Architecture,
        objective: str,
        data: str,
        measurement: Measurement,
    ) -> None:
        """Keep a measurement; the first one of its key stays."""
        row = (supernet, architecture.key, objective, data)
        values = (
            measurement.value,
            measurement.std,
            measurement.n,
            json.dumps(architecture.as_dict()),
        )
        with self._explained():
            self._database.execute(_INSERT, row + values)

    def get_many(
        self, supernet: str, architectures: Sequence[Architecture], data: str
    ) -> dict[str, dict[str, Measurement]]:
        """Look many networks up at once: by key of the architecture, then by objective."""
        found: dict[str, dict[str, Measurement]] = {}
        keys = list({architecture.key for architecture in architectures})
        for start in range(0, len(keys), _MOST_KEYS):
            part = keys[start : start + _MOST_KEYS]
            query = _GET_MANY.replace("*", ", ".join("?" * len(part)))
            with self._explained():
                rows = self._database.execute(query, (supernet, *part, data)).fetchall()
            for key, objective, *values in rows:
                found.setdefault(key, {})[objective] = Measurement(*values)
        return found

    def put_many(
        self,
        supernet: str,
        data: str,
        measured: Iterable[tuple[Architecture, str, Measurement]],
    ) -> None:
        """Keep many measurements in one transaction; the first one of a key stays."""
        rows = [
            (
                supernet,
                architecture.key,
                objective,
                data,
                measurement.value,
                measurement.std,
                measurement.n,
                json.dumps(architecture.as_dict()),
            )
            for architecture, objective, measurement in measured
        ]
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(_INSERT, rows)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def __len__(self) -> int:
        with self._explained():
            return int(self._database.execute("SELECT count(*) FROM evaluations").fetchone()[0])

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _prepare(self) -> None:
        found = int(self._database.execute("PRAGMA user_version").fetchone()[0])
        if found > _VERSION:
            raise StoreError(
                f"{self.path}: written by a newer instatune (format {found}, this one knows"
                f" {_VERSION}); upgrade instatune or choose another run_dir"
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_SCHEMA)
        self._database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            advice = "free some space" if "full" in str(error) else "check that it can be written"
            raise StoreError(
                f"{self.path}: {error}; {advice} and run the same command again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: damaged ({error}); move it away and run again: what it held is"
                " measured anew"
            ) from error

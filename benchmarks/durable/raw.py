"""The limit: bare inserts of the same payload to the same disk, one commit for each step."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Protocol

from engine.storage.database import CHECKPOINT_PAGES

from .scene import PAYLOAD


class Raw(Protocol):
    """One connection that inserts and commits a row for each step."""

    def seconds(self, steps: int) -> float:
        """How long *steps* of them take."""
        ...

    def close(self) -> None: ...


class RawSqlite:
    """`sqlite3` in write-ahead mode, with a sync for every commit, as the engine has it."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE step (run TEXT, path TEXT, output TEXT, started REAL, ended REAL, "
            "PRIMARY KEY (run, path))"
        )
        self._run = 0

    def seconds(self, steps: int) -> float:
        self._run += 1
        text = json.dumps(PAYLOAD)
        started = time.perf_counter()
        for number in range(steps):
            now = time.time()
            self._connection.execute(
                "INSERT INTO step VALUES (?, ?, ?, ?, ?)",
                (str(self._run), f"/s{number}", text, now, now),
            )
        return time.perf_counter() - started

    def close(self) -> None:
        self._connection.close()


class RawPostgres:
    """`psycopg` in autocommit mode: one statement, one commit, one way there and back."""

    def __init__(self, address: str) -> None:
        import psycopg

        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.execute(
            "CREATE TABLE raw_step (run text, path text, output text, started float8, "
            "ended float8, PRIMARY KEY (run, path))"
        )
        self._run = 0

    def seconds(self, steps: int) -> float:
        self._run += 1
        text = json.dumps(PAYLOAD)
        started = time.perf_counter()
        for number in range(steps):
            now = time.time()
            self._connection.execute(
                "INSERT INTO raw_step VALUES (%s, %s, %s, %s, %s)",
                (str(self._run), f"/s{number}", text, now, now),
            )
        return time.perf_counter() - started

    def close(self) -> None:
        self._connection.close()

# pyright: basic, reportMissingImports=false
"""DBOS: a workflow of steps, on SQLite in write-ahead mode with a sync for every commit.

As shipped it keeps SQLite's rollback journal, which syncs four times a step; this is the faster way.
"""

import asyncio
import sqlite3

from _turns import PAYLOAD, given, take_turns
from dbos import DBOS
from sqlalchemy import create_engine, event

folder, steps = given()
url = f"sqlite:///{folder / 'dbos.db'}"
database = create_engine(url, pool_size=50)


@event.listens_for(database, "connect")
def prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        "busy_timeout=30000",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")


@DBOS.step()
async def step() -> dict[str, str]:
    return PAYLOAD


@DBOS.workflow()
async def sequence(count: int) -> int:
    for _ in range(count):
        await step()
    return count


async def run(count: int) -> None:
    assert await sequence(count) == count


async def main() -> None:
    DBOS(
        config={
            "name": "bench",
            "application_version": "1",
            "log_level": "ERROR",
            "system_database_url": url,
            "system_database_engine": database,
        }
    )
    DBOS.launch()
    await take_turns("dbos", run, steps=steps)


asyncio.run(main())
DBOS.destroy()

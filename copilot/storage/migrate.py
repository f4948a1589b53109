"""Bringing the copilot's tables up to date, from whichever version they are at."""

from sqlalchemy import Engine, MetaData, String, Table, func, inspect, select
from sqlalchemy.sql.schema import Column

from .database import take_write_lock

VERSION_TABLE = "copilot_alembic_version"
HEAD = "0013"
#: Any number of our own, not the engine's: two processes must not migrate at the same time.
_LOCK = 7_301_402_512

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Run every missing migration in one transaction; the engine's tables are left alone."""
    if to == "head" and current_version(engine) == HEAD:
        return
    from alembic import command  # 0.1 s to import, and a database is seldom behind
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "copilot.storage:migrations")
    with engine.begin() as connection:
        take_write_lock(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def current_version(engine: Engine) -> str | None:
    """The last migration that ran; None in a database without the copilot's tables."""
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()

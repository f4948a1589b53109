"""The schema, version by version, packaged so that an installed copy can bring a database up."""

import sqlalchemy as sa

from ..database import writing

HEAD = "0011"
VERSION_TABLE = "engine_alembic_version"
_LOCK = 7_301_402_511  # any number of our own: two workers must not migrate at the same time


def upgrade(engine: sa.Engine, revision: str = HEAD) -> None:
    """Brings the database to *revision*. Does nothing, and quickly, if it is there already."""
    if current(engine) == revision:
        return
    # Alembic takes a sixth of a second to import, and is needed once in the life of a database.
    from alembic import command
    from alembic.config import Config

    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = Config()
        config.set_main_option("script_location", "engine.storage:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def current(engine: sa.Engine) -> str | None:
    """The revision the database is at; None for a new one."""
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.Text))
    if not sa.inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        return connection.scalar(sa.select(version.c.version_num))

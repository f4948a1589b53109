"""How Alembic reaches the database: through the connection `upgrade` gives it, in its transaction."""

from alembic import context

from engine.storage.migrations import VERSION_TABLE
from engine.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()

"""Run by Alembic inside the transaction that `copilot.storage.migrate` opened."""

from alembic import context

from copilot.storage.migrate import VERSION_TABLE
from copilot.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Run by Alembic inside the transaction that `copilot.storage.migrate` opened."""

from alembic import context

from copilot.storage import account_tables, tables
from copilot.storage.migrate import VERSION_TABLE

# one catalog for both; naming them here declares their tables
assert tables.FAILURE.metadata is account_tables.WORKSPACE.metadata  # noqa: S101

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.FAILURE.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Paused workflows, names of versions, request keys, and indexes for pages and a day's cost."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)
PRICED = sa.text("cost_usd IS NOT NULL")


def upgrade() -> None:
    op.add_column("workflow", sa.Column("paused_at", TIME))
    op.add_column("workflow", sa.Column("paused_by", sa.Text))
    op.add_column("workflow", sa.Column("pause_reason", sa.Text))
    op.add_column("workflow_version", sa.Column("name", sa.Text, nullable=False, server_default=""))
    _name_versions()
    op.create_table(
        "engine_request",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("request_key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_engine_request_created", "engine_request", ["created_at"])
    op.create_index("ix_execution_listed", "execution", ["workspace_id", "created_at", "id"])
    op.create_index(
        "ix_step_run_cost",
        "step_run",
        ["completed_at"],
        sqlite_where=PRICED,
        postgresql_where=PRICED,
    )


def _name_versions() -> None:
    """Takes the name out of each stored definition, one at a time: they can be large."""
    keys = ("workspace_id", "workflow_id", "version")
    table = sa.table("workflow_version", *map(sa.column, (*keys, "definition", "name")))
    connection = op.get_bind()
    rows = connection.execute(sa.select(*(table.c[key] for key in keys))).all()
    for row in rows:
        this = sa.and_(*(table.c[key] == getattr(row, key) for key in keys))
        text = connection.execute(sa.select(table.c.definition).where(this)).scalar_one()
        connection.execute(sa.update(table).where(this).values(name=json.loads(text)["name"]))

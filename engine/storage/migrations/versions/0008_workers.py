"""The queue, the workers and the ticks; runs that are under way come into the queue."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TIME = sa.DateTime(timezone=True)
# What was queued before there were priorities and releases.
_UNDER_WAY = """
INSERT INTO dispatch_queue
  (execution_id, dispatch, workspace_id, priority, release, queued_at, state, starts)
SELECT id, dispatch, workspace_id, 5, 1, updated_at, 'waiting', 0
FROM execution WHERE status IN ('queued', 'running')
"""


def upgrade() -> None:
    op.create_table(
        "dispatch_queue",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("dispatch", sa.Integer, nullable=False),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("queued_at", TIME, nullable=False),
        sa.Column("not_before", TIME),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("worker_id", sa.Integer),
        sa.Column("starts", sa.Integer, nullable=False),
    )
    op.create_index(
        "ix_dispatch_queue_waiting",
        "dispatch_queue",
        ["state", "workspace_id", "priority", "queued_at"],
    )
    op.create_index("ix_dispatch_queue_worker", "dispatch_queue", ["worker_id"])
    op.create_table(
        "queue_limit",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("most_running", sa.Integer, nullable=False),
    )
    op.create_table(
        "queue_share",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("last_served", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "engine_worker",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_tick",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("tick", TIME, nullable=False),
        sa.Column("worker_id", sa.Integer),
    )
    op.execute(_UNDER_WAY)

"""How far a run is, and when its last step ended, from an index alone."""

from alembic import op

revision = "0010"
down_revision = "0009"

_NAME = "ix_step_run_status"


def upgrade() -> None:
    op.drop_index(_NAME, "step_run")
    op.create_index(
        _NAME, "step_run", ["execution_id", "status", "depth", "superseded_in", "completed_at"]
    )

"""What analyses under way may still cost, so that all processes keep one cap a day."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "copilot_spend_hold",
        sa.Column("hold_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name="pk_copilot_spend_hold"),
    )
    op.create_index("ix_copilot_spend_hold_workspace", "copilot_spend_hold", ["workspace_id"])

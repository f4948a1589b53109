"""How often a step's model has answered; what a day has used is found by its tokens too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_USED = sa.text("tokens_used > 0 OR cost_usd IS NOT NULL")


def upgrade() -> None:
    """On SQLite the table is written anew: its output has to stay the last column."""
    op.drop_index("ix_step_run_cost", "step_run")
    turns = sa.Column("turns", sa.Integer, nullable=False, server_default="0")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("step_run", recreate="always" if is_sqlite else "never") as table:
        if is_sqlite:
            table.add_column(turns, insert_after="attempts")
        else:
            table.add_column(turns)
    # Nobody has counted them until now; most attempts had one.
    op.execute("UPDATE step_run SET turns = attempts WHERE kind = 'agent' AND tokens_used > 0")
    op.create_index(
        "ix_step_run_used",
        "step_run",
        ["completed_at"],
        sqlite_where=_USED,
        postgresql_where=_USED,
    )

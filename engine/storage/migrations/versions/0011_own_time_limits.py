"""Whether a run has its time limit from its start, or from its workflow or the engine.

Of earlier runs nobody knows: it stays null, and is told by the limit itself when they are resumed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("execution", sa.Column("own_timeout", sa.Boolean))

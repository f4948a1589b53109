"""A standing approval always takes a confirmed cause and a passed try: no row says otherwise.

Whoever had signed for less has signed for this too.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.drop_column("copilot_standing_approval", "confirmed_only")
    op.drop_column("copilot_standing_approval", "tried_only")

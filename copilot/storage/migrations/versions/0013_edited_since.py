"""Since when what a fix touched is edited, in a column of its own.

It was a part of what a run said, as 'edited:4', or 'edited' for a template, which makes no version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_OUTCOME = sa.table(
    "copilot_outcome", sa.column("change_id"), sa.column("version"), sa.column("edited_since")
)
_JUDGED = sa.table("copilot_judged_run", sa.column("change_id"), sa.column("finding"))


def upgrade() -> None:
    op.add_column("copilot_outcome", sa.Column("edited_since", sa.Integer))
    connection = op.get_bind()
    is_edit = sa.or_(_JUDGED.c.finding == "edited", _JUDGED.c.finding.like("edited:%"))
    for change_id, finding in connection.execute(sa.select(_JUDGED).where(is_edit)).all():
        version = finding.partition(":")[2]
        since = int(version) if version else _OUTCOME.c.version
        mine = _OUTCOME.c.change_id == change_id
        connection.execute(sa.update(_OUTCOME).where(mine).values(edited_since=since))
    connection.execute(sa.update(_JUDGED).where(is_edit).values(finding="edited"))

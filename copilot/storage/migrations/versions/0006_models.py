"""What models were asked for analyses and what that has cost; sums checked by the database itself."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


#: What no statement may do to the ledger, whoever sends it: change an entry, write an amount below
#: 0, settle what was not reserved or more than that, or take more than there is.
_RULES = (
    ("entry_kept", "copilot_ledger_entry", "UPDATE", "1 = 1", "a ledger entry is never changed"),
    (
        "entry_new",
        "copilot_ledger_entry",
        "INSERT",
        "NEW.credits < 0 OR ABS(NEW.effect) > NEW.credits"
        " OR (NEW.kind IN ('settle', 'release') AND NOT EXISTS"
        " (SELECT 1 FROM copilot_ledger_entry held"
        " WHERE held.workspace_id = NEW.workspace_id AND held.key = NEW.key"
        " AND held.kind = 'reserve' AND held.credits >= NEW.credits))",
        "a ledger entry has an amount from 0, and settles no more than was reserved",
    ),
    ("limit_new", "copilot_workspace_limit", "INSERT", "NEW.balance < 0", "credits end at 0"),
    ("limit_left", "copilot_workspace_limit", "UPDATE", "NEW.balance < 0", "credits end at 0"),
)


def _check(name: str, table: str, event: str, when: str, message: str) -> None:
    trigger = f"copilot_{name}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} WHEN {when}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {when} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF;"
        f" RETURN NEW; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH ROW"
        f" EXECUTE FUNCTION {trigger}()"
    )


def upgrade() -> None:
    for rule in _RULES:
        _check(*rule)
    op.create_table(
        "copilot_system_text",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "digest", name="pk_copilot_system_text"),
    )
    op.create_table(
        "copilot_consultation",
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("system_digest", sa.String(), nullable=False),
        sa.Column("user_text", sa.Text(), nullable=False),
        sa.Column("runtime", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("analysis_id", name="pk_copilot_consultation"),
    )
    op.create_index(
        "ix_copilot_consultation_day", "copilot_consultation", ["workspace_id", "asked_at"]
    )
    op.create_index(
        "ix_copilot_consultation_run",
        "copilot_consultation",
        ["workspace_id", "execution_id", "asked_at"],
    )
    op.create_table(
        "copilot_model_call",
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("runtime", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("is_repair", sa.Boolean(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("analysis_id", "position", name="pk_copilot_model_call"),
    )
    op.create_index(
        "ix_copilot_model_call_runtime",
        "copilot_model_call",
        ["workspace_id", "runtime", "asked_at"],
    )

"""Which of the copilot's tables hold something of a workspace: all of them."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Table

from . import account_tables, notice_tables, tables

#: What must not leave with the rest: digests of keys, answers that may hold a new key, and secrets.
WITHHELD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        account_tables.API_KEY.name: frozenset({"digest"}),
        account_tables.REQUEST.name: frozenset({"headers", "body"}),
        notice_tables.WEBHOOK.name: frozenset({"secret", "previous_secret"}),
    }
)


def holdings() -> tuple[tuple[Table, frozenset[str]], ...]:
    """Every table in the order of deletion, each with the columns that are withheld.

    The head of the audit goes first: whoever adds an entry meanwhile then waits for the end.
    """
    last_first = reversed(tables.FAILURE.metadata.sorted_tables)
    in_order = sorted(last_first, key=lambda table: table is not account_tables.AUDIT_HEAD)
    return tuple((table, WITHHELD.get(table.name, frozenset())) for table in in_order)

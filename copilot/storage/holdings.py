"""Which of the copilot's tables hold something of a workspace: all of them."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Table

from . import account_tables, tables

#: What must not leave with the rest: digests of keys, and answers that may hold a new key.
WITHHELD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        account_tables.API_KEY.name: frozenset({"digest"}),
        account_tables.REQUEST.name: frozenset({"headers", "body"}),
    }
)


def holdings() -> tuple[tuple[Table, frozenset[str]], ...]:
    """Every table in the order of deletion, each with the columns that are withheld."""
    return tuple(
        (table, WITHHELD.get(table.name, frozenset()))
        for table in reversed(tables.FAILURE.metadata.sorted_tables)
    )

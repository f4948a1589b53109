"""What goes wrong with a database by itself, and passes by itself."""

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: Connection lost, transaction rolled back by the server, out of resources, shutting down.
_PASSING_CLASSES = ("08", "25P03", "40", "53", "57P")
_PASSING_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


def may_pass(error: BaseException) -> bool:
    """Whether the database could not do it just now: it is away, busy or full."""
    return isinstance(error, PoolTimeout) or _is_full(_cause(error)) or is_lost(error)


def is_lost(error: BaseException) -> bool:
    """Whether the server ended the connection or the transaction: nothing says how far it came."""
    cause = _cause(error)
    if type(cause).__module__.partition(".")[0] != "psycopg":
        return False
    state: str | None = getattr(cause, "sqlstate", None)
    if state is None:  # said by the client library: there is no connection
        return type(cause).__name__ in {"OperationalError", "InterfaceError"}
    return state.startswith(_PASSING_CLASSES)


def _cause(error: BaseException) -> BaseException:
    return error.orig or error if isinstance(error, DBAPIError) else error


def _is_full(cause: BaseException) -> bool:
    code: int = getattr(cause, "sqlite_errorcode", 0)
    return code & 0xFF in _PASSING_CODES

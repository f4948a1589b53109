"""What an application can fail with, on either side of the seam."""

import sqlite3

from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

import knowledge_base
from engine.errors import EngineError

from ..errors import CopilotError, StoreUnavailable

#: Every error raised on purpose, on either side of the seam; all have `code` and `retryable`.
DELIBERATE = (CopilotError, EngineError, knowledge_base.InvalidKnowledge)
#: What is raised when the database does not answer: busy for too long, full, or gone.
UNREACHABLE = OperationalError
#: What a database or a disk raises that can't be used at all: corrupt, full, not allowed, not there.
STORAGE_FAILURES = (SQLAlchemyError, OSError)


_POSTGRES_FULL = "53100"


def is_full(error: Exception) -> bool:
    """Whether the disk under the database has no room left."""
    cause = _cause(error)
    full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return full or getattr(cause, "sqlstate", None) == _POSTGRES_FULL


def unavailable(error: Exception) -> StoreUnavailable:
    """A failure of the database or the disk in one line, without SQL, values or passwords."""
    cause = _cause(error)
    if isinstance(cause, OSError):
        return StoreUnavailable(f"{cause.strerror or cause}: {cause.filename or ''}".rstrip(": "))
    if isinstance(cause, ArgumentError):
        return StoreUnavailable("ASK_COPILOT_DATABASE_URL is not the address of a database.")
    return StoreUnavailable(str(cause).strip().splitlines()[0][:200])


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error

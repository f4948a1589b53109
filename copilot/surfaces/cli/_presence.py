"""Who is using a data folder: a server that can be asked, or a command that must be waited for.

Both leave a note in the folder that only the folder's owner can read. A note proves nothing: its
process may be dead, so a server is asked, and a lock is tried.
"""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ...errors import StoreBusy
from ...settings import Settings

SERVER = "serve.json"
HOLDER = "in-use.json"

N = TypeVar("N", bound="Note")


class Note(BaseModel):
    """A process and what it is doing, without its arguments: those may hold secrets."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(ge=1)
    command: str = Field(max_length=100)
    since: AwareDatetime
    note_id: str = Field(default_factory=lambda: uuid4().hex)

    @property
    def words(self) -> str:
        """'`ask-copilot run` (process 4711), since 14:02:11 UTC on 2026-01-31'."""
        since = self.since.astimezone(UTC)
        return f"`{self.command}` (process {self.pid}), since {since:%H:%M:%S UTC on %Y-%m-%d}"


class ServerNote(Note):
    """`secret` lets whoever can read this note in, for as long as the server lives."""

    url: str
    database: str = Field(description="Which database it serves, as a digest.")
    secret: str = Field(repr=False)


def own(command: str) -> Note:
    """The note of this process."""
    return Note(pid=os.getpid(), command=command, since=datetime.now(UTC))


@contextmanager
def noted(folder: Path, name: str, note: Note) -> Generator[None]:
    """*note* is in *folder* for the length of a `with` block."""
    path = folder / name
    _write(path, note.model_dump_json())
    try:
        yield
    finally:
        left = read(folder, name, type(note))
        if left is not None and left.note_id == note.note_id:
            path.unlink(missing_ok=True)


def read(folder: Path, name: str, kind: type[N]) -> N | None:
    """The note of a process that is alive as far as can be told; None without one."""
    try:
        note = kind.model_validate_json((folder / name).read_bytes())
    except (OSError, ValidationError):
        return None  # none, or half of one
    return note if _alive(note.pid) else None


def database_digest(settings: Settings) -> str:
    """By which a command knows that a server has the database that it means."""
    return hashlib.sha256(settings.database.encode()).hexdigest()[:16]


def held(settings: Settings) -> StoreBusy:
    """The error for a database that somebody else has, as exactly as can be said."""
    server = read(settings.data, SERVER, ServerNote)
    holder = server or read(settings.data, HOLDER, Note)
    who = "" if holder is None else f": {holder.words}"
    if server is not None:
        who = f"{who}, at {server.url}, which does not answer"
    return StoreBusy(f"{_path(settings)}{who}", settings.lock_wait_seconds)


def served(settings: Settings, note: ServerNote, command: str) -> StoreBusy:
    """The error for a command that needs the database itself while a server has it."""
    why = f"`{command}` needs the database itself, so stop the server first"
    return StoreBusy(f"{_path(settings)}: {note.words}, at {note.url}; {why}", 0.0)


def _path(settings: Settings) -> str:
    return settings.database.removeprefix("sqlite:///")


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and never readable for others. mkstemp makes files with mode 0600."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking would end it; a server is asked over HTTP anyway
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

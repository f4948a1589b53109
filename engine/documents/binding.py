"""Which documents a step sees, and their text: the workflow's, then its own, and no other."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..actions._folder import listing, place
from ..definition.suggestions import did_you_mean, near
from ..errors import EngineError, InvalidData, InvalidParameters, PermissionDenied, ResourceNotFound
from ..workspace import Resources
from . import KINDS
from .isolation import extracted
from .refusal import Refused

LARGEST_FILE = 20_000_000
MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document as text. `truncated`: the file holds more than was asked for."""

    name: str
    text: str
    truncated: bool = False


class Bound(Protocol):
    """A workflow or a step, with the names of documents it is given."""

    @property
    def documents(self) -> tuple[str, ...]: ...


def bound_to(step: Bound, workflow: Bound) -> tuple[str, ...]:
    """The names a step sees, each once: the workflow's, then those of the step alone."""
    return tuple(dict.fromkeys((*workflow.documents, *step.documents)))


def documents_for(
    step: Bound,
    workflow: Bound,
    resources: Resources,
    folder: Path,
    *,
    most_characters: int = MOST_CHARACTERS,
) -> tuple[DocumentText, ...]:
    """The text of every document a step sees, each up to *most_characters*. Blocks.

    A name is a document's of the workspace, or a path in its *folder*. Raises `ResourceNotFound`,
    `PermissionDenied` for a path that leads out of the folder, `InvalidData` for a file that can't
    be read (`reason` says which way), and `InvalidParameters` where a library is not installed;
    each names the document.
    """
    return tuple(
        _text(name, _located(name, resources, folder), most_characters)
        for name in bound_to(step, workflow)
    )


@dataclass(frozen=True, slots=True)
class FileSize:
    """How large a document's file is, in bytes. `is_text`: its text is what the file holds."""

    count: int
    is_text: bool


def size_of(name: str, resources: Resources, folder: Path) -> FileSize | None:
    """Without opening it; None for a document that could not be read when its step runs."""
    try:
        path = _located(name, resources, folder)
        kind = KINDS.get(path.suffix.lower())
        return None if kind is None else FileSize(path.stat().st_size, kind == "text")
    except (EngineError, OSError):
        return None


def _text(name: str, path: Path, most_characters: int) -> DocumentText:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise _unreadable(
            name, Refused("unsupported", f"is not a document that can be read: {', '.join(KINDS)}")
        )
    try:
        found = extracted(path, kind, most_characters)
    except Refused as refused:
        raise _unreadable(name, refused) from refused
    return DocumentText(name, found.text, found.truncated)


def _located(name: str, resources: Resources, folder: Path) -> Path:
    document = resources.documents.get(name)
    try:
        path = place(folder, document.path if document else name)
    except PermissionDenied as error:
        message = f"Document {name[:200]!r} leads out of the workspace's folder."
        raise PermissionDenied(message, kind="document", name=name, document=name) from error
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        raise _not_found(name, document.path if document else None, resources, folder)
    if status.st_size > LARGEST_FILE:
        size = f"is larger than {LARGEST_FILE // 1_000_000} MB"
        raise _unreadable(name, Refused("too_large", size))
    return path


def _unreadable(name: str, refused: Refused) -> InvalidData | InvalidParameters:
    message = f"Document {name!r} {refused.words}."
    facts: dict[str, Any] = {"document": name, "reason": refused.reason}
    if refused.reason == "not_installed":
        return InvalidParameters(message, kind="reader", parameter="documents", **facts)
    kind = "size" if refused.reason == "too_large" else "file"
    return InvalidData(message, kind=kind, field="documents", value=name, **facts)


def _not_found(
    name: str, missing: str | None, resources: Resources, folder: Path
) -> ResourceNotFound:
    available = [*resources.documents, *listing(folder)]
    alike = near(missing or name, available)
    file = f": its file {missing!r} is not in the folder" if missing else " not found"
    return ResourceNotFound(
        f"Document {name!r}{file}." + did_you_mean(alike),
        kind="document",
        name=name,
        document=name,
        available=available,
        near=alike,
    )

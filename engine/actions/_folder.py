"""The workspace's own folder: the only place in which actions read and write files."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from ..definition.suggestions import did_you_mean, near
from ..errors import InvalidData, PermissionDenied, ResourceNotFound
from ..workspace import leads_inside
from . import ActionContext

MOST_LISTED = 100


def place(files: Path, name: str) -> Path:
    """Where the file *name* is or would be, below *files*.

    Raises `PermissionDenied` for a path that leads, or could lead, out of the folder: absolute
    ones, `..`, backslashes, drive letters, and anything behind a symbolic link.
    """
    if not leads_inside(name):
        raise _outside(name)
    current = files
    for part in PurePosixPath(name).parts:
        current = current / part
        if current.is_symlink():
            raise _outside(name)
    if not current.resolve().is_relative_to(files.resolve()):
        raise _outside(name)
    return current


def existing(context: ActionContext, name: str, *, most_bytes: int) -> Path:
    """The file behind a document's name or a path in the folder.

    Raises `ResourceNotFound` with what there is, and `InvalidData` for one that is too large.
    """
    document = context.resources.documents.get(name)
    path = place(context.files, document.path if document else name)
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        raise _not_found(context, name)
    if status.st_size > most_bytes:
        raise InvalidData(
            f"{name} is larger than {most_bytes // 1_000_000} MB",
            kind="size",
            field="file",
            value=name,
        )
    return path


def listing(files: Path) -> list[str]:
    """Up to a hundred files of the folder, as their paths below it."""
    return list(islice(_names(files), MOST_LISTED))


def _names(files: Path) -> Iterator[str]:
    for folder, below, names in os.walk(files):  # never into symbolic links
        below.sort()
        for path in (Path(folder, name) for name in sorted(names)):
            if not path.is_symlink():
                yield path.relative_to(files).as_posix()


def _outside(name: str) -> PermissionDenied:
    return PermissionDenied(
        f"{name[:200]!r} is not a path inside the workspace's folder", kind="file", name=name[:200]
    )


def _not_found(context: ActionContext, name: str) -> ResourceNotFound:
    available = [*context.resources.documents, *listing(context.files)]
    alike = near(name, available)
    return ResourceNotFound(
        f"File {name!r} not found" + ("." + did_you_mean(alike) if alike else ""),
        kind="file",
        name=name,
        available=available,
        near=alike,
    )

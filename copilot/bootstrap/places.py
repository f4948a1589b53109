"""Where an application keeps what it stores, for its owner's eyes alone."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

#: Modes of what is made here: it holds everything that was ever run, and hashes of keys.
OWNER_FOLDER, OWNER_FILE = 0o700, 0o600


def make_private_folder(folder: Path) -> None:
    """A folder that is there already stays as it is."""
    try:
        folder.mkdir(mode=OWNER_FOLDER, parents=True)
    except FileExistsError:
        folder.mkdir(exist_ok=True)  # raises when it is no folder
    else:
        folder.chmod(OWNER_FOLDER)  # whatever the umask took away


def make_private_files(database: str) -> None:
    """A new SQLite file and its lock; SQLite gives what it adds beside them the same mode."""
    url = make_url(database)
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in {"", ":memory:"}:
        return
    path = Path(name).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    for file in (path, Path(f"{path}.lock")):
        with suppress(FileExistsError):
            file.touch(mode=OWNER_FILE, exist_ok=False)
            file.chmod(OWNER_FILE)

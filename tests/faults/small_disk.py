"""A disk of a few megabytes that a test can fill: a file system in memory, mounted for it alone."""

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_REQUIRED = os.environ.get("ASK_COPILOT_REQUIRE") == "all" or bool(os.environ.get("CI"))
_OURS = [["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]]
_MOUNT = 'mount -t tmpfs -o "size=$0" tmpfs "$1" && shift && exec "$@"'


@dataclass(frozen=True)
class SmallDisk:
    """What `command` starts finds the disk at `folder`; everybody else at `seen_by` that process."""

    folder: Path
    size: str
    _enter: tuple[str, ...]

    def command(self, *words):
        if not self._enter:
            return list(words)
        return [*self._enter, "sh", "-c", _MOUNT, self.size, str(self.folder), *words]

    def seen_by(self, process):
        root = f"/proc/{process.pid}/root" if self._enter else ""
        return Path(f"{root}{self.folder}")


@contextmanager
def small_disk(folder, *, megabytes):
    """Without the right to mount anything the test is skipped, unless everything is required."""
    folder.mkdir()
    size = f"{megabytes}m"
    for enter in _OURS:
        disk = SmallDisk(folder, size, tuple(enter))
        if _works(disk.command("true")):
            yield disk
            return
    owned = f"size={size},uid={os.geteuid()},mode=700"
    if not _works(["sudo", "-n", "mount", "-t", "tmpfs", "-o", owned, "tmpfs", str(folder)]):
        assert not _REQUIRED, "no way to mount a small disk"
        pytest.skip("nobody here may mount a file system")
    try:
        yield SmallDisk(folder, size, ())
    finally:
        subprocess.run(["sudo", "-n", "umount", str(folder)], check=True)


def fill(folder, *, leave):
    """Leaves about *leave* bytes of room on the disk of *folder*; gives the file to delete."""
    filler = folder / "filler"
    room = os.statvfs(folder)
    filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
    return filler


def _works(command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False

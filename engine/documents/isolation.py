"""Extractors in a process of their own, so that no file can take ours down or look into it.

The process gets no secrets, a limit on memory and time, and is killed when it takes too long. Texts
of the last few files are kept: a loop reads the same document again and again.
"""

import json
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from .extraction import Extracted, extract
from .refusal import Refused

LIMIT_SECONDS = 30
GRACE_SECONDS = 5  # starting a process on a busy machine does not count as reading
IN_PROCESS = frozenset({"text"})
MOST_KEPT = 8
_ROOT = Path(__file__).resolve().parents[2]
_OUT_OF_TIME = frozenset({-signal.SIGXCPU, -signal.SIGKILL})


def extracted(
    path: Path, kind: str, most_characters: int, *, seconds: int = LIMIT_SECONDS
) -> Extracted:
    """What `extract` gives. Raises `Refused` for everything that can be wrong with the file."""
    try:
        if kind in IN_PROCESS:
            return extract(path, kind, most_characters)
        status = path.stat()
    except OSError as error:
        raise Refused("damaged", f"can't be read ({error.strerror})") from error
    identity = (status.st_ino, status.st_size, status.st_mtime_ns)
    return _kept(path, kind, most_characters, seconds, identity)


@lru_cache(maxsize=MOST_KEPT)
def _kept(
    path: Path, kind: str, most_characters: int, seconds: int, _identity: tuple[int, ...]
) -> Extracted:
    arguments = (str(path), kind, str(most_characters), str(seconds))
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            # -P: a module in the folder we were started in is not ours.
            [sys.executable, "-P", "-m", f"{__package__}.extraction", *arguments],
            env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds + GRACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_slow(seconds) from error
    if done.returncode in _OUT_OF_TIME:
        raise _too_slow(seconds)
    if done.returncode != 0:
        raise Refused("damaged", f"is damaged and can't be read ({_class_of(done.stderr)})")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "reason" in answer:
        raise Refused(answer["reason"], answer["words"])
    return Extracted(answer["text"], answer["truncated"])


def _too_slow(seconds: int) -> Refused:
    return Refused("too_slow", f"takes longer than {seconds} s to read")


def _class_of(trace: bytes) -> str:
    """The class of what the parser raised; its words may hold anything."""
    lines = trace.decode(errors="replace").strip().splitlines()
    name = lines[-1].partition(":")[0].rpartition(".")[2] if lines else ""
    return name if name.isidentifier() else "the reader broke off"

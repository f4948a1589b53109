"""The log of a server: one event a line on standard error, as JSON or as text for people.

An event names what happened and where; what somebody has written is masked, clipped and escaped,
and the words of an exception, which may hold somebody's data, are left out.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic import SecretStr
from sqlalchemy import make_url

from ....access import KEY_PATTERN
from ....secrets import KnownValueMasker, read_secrets
from ....settings import Settings
from ....types.engine import ProgressMeasure

LONGEST_EVENT = 4_000
MOST_FRAMES = 30
#: Loggers that tell what the service does; others are heard when something is wrong.
_OURS = ("copilot", "engine")
_FROM_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")

_KEY = re.compile(rf"{KEY_PATTERN}|(?i:\bbearer\s+)\S+")
_requests = logging.getLogger("copilot.requests")
_progress = logging.getLogger("copilot.progress")
_current: ContextVar[tuple[Mapping[str, Any], str | None] | None] = ContextVar(
    "request", default=None
)

Mask = Callable[[str], str]


@contextmanager
def in_request(state: Mapping[str, Any], trace_id: str | None) -> Generator[None]:
    """Everything logged inside names the request: its id, once *state* has one, and its trace."""
    token = _current.set((state, trace_id))
    try:
        yield
    finally:
        _current.reset(token)


def log_request(*, status: int, **facts: Any) -> None:
    """One request has been answered."""
    level = logging.INFO if status < 500 else logging.ERROR
    _requests.log(level, "request", extra={"facts": {"status": status, **facts}})


def log_progress(measure: ProgressMeasure) -> None:
    """How far a run is was counted: too often to be written unless somebody looks for it."""
    _progress.debug("progress", extra={"facts": asdict(measure)})


@contextmanager
def log_to_stderr(settings: Settings, stream: TextIO | None = None) -> Generator[None]:
    """For the length of the block, everything that is logged goes to standard error.

    In the form `settings.log` says. No secret of the settings and of the secrets file is written.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    form = JsonLines if settings.log == "json" else TextLines
    handler.setFormatter(form(known_secrets(settings).mask))
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in _OURS}
    before = (root.handlers[:], root.level)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in _FROM_UVICORN:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    try:
        yield
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def known_secrets(settings: Settings) -> KnownValueMasker:
    """Masks what the installation keeps secret, wherever it stands."""
    own = {
        name: value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)
    }
    if settings.database_url:
        own["database_password"] = make_url(settings.database_url).password or ""
    return KnownValueMasker({**read_secrets(settings.secrets_file), "": own})


class JsonLines(logging.Formatter):
    """An event as one JSON object on one line of printable ASCII."""

    def __init__(self, mask: Mask = str) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(event_of(record, self._mask), ensure_ascii=True, default=str)


class TextLines(logging.Formatter):
    """An event as one line for people: time, level, logger, event, and facts as name=value."""

    def __init__(self, mask: Mask = str) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        facts = event_of(record, self._mask)
        opening = [facts.pop(name) for name in ("time", "level", "logger", "event")]
        pairs = [f"{name}={value}" for name, value in facts.items()]
        return json.dumps(" ".join([*opening, *pairs]), ensure_ascii=True)[1:-1]


def event_of(record: logging.LogRecord, mask: Mask) -> dict[str, Any]:
    """What is written of *record*; a fact that is not known is left out."""
    state, trace_id = _current.get() or ({}, None)
    event: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _clean(_message(record), mask),
        "request_id": state.get("request_id"),
        "trace_id": trace_id,
        **getattr(record, "facts", {}),
        **_error(record),
    }
    return {
        name: _clean(value, mask) if isinstance(value, str) else value
        for name, value in event.items()
        if value is not None
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)  # its arguments do not fit it


def _error(record: logging.LogRecord) -> dict[str, Any]:
    """Which error it was and where; not its words."""
    kind, _, frames = record.exc_info or (None, None, None)
    if kind is None:
        return {}
    places = traceback.extract_tb(frames)[-MOST_FRAMES:]
    return {
        "error": kind.__qualname__,
        "at": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }


def _clean(text: str, mask: Mask) -> str:
    # masked before it is clipped: half a secret would not be known as one
    masked = _KEY.sub("[key]", mask(text))
    return masked if len(masked) <= LONGEST_EVENT else f"{masked[: LONGEST_EVENT - 1]}…"

"""A task log of Airflow, as text (2.x) or as one JSON object a line (3.x)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ._found import Found

TITLE = "Airflow task log"

_SIGNS = re.compile(
    r"\{+[\w./-]{1,80}\.py:\d+\}+ (?:[A-Z]+) - |\bTaskInstance: |Marking task as (?:FAILED|UP_FOR_RETRY)"
    r"|\"logger\": ?\"(?:task|airflow)[\w.]*\"|\berror_detail\b.{0,40}\bexc_type\b"
)
#: Files of Airflow itself, whose lines are no output of the task.
_OWN_FILE = re.compile(
    r"^\{*(?:taskinstance|local_task_job\w*|standard_task_runner|process_utils)\.py"
)
#: One of these is in every such log, and they are found faster.
_WORDS = (".py:", "TaskInstance: ", "Marking task as", '"logger"', "error_detail")
_LINE = re.compile(
    r"^\[[^\]\n]{10,40}\] (?P<file>\{+[^}\n]{1,100}\}+) (?P<level>[A-Z]+) - (?P<words>.*)$"
)
_TASK = re.compile(
    r"<TaskInstance: (?P<dag>[\w-]+(?:\.[\w-]+)*?)\.(?P<task>[\w.-]+?) [\w:+.-]*(?: \S+){0,3}>"
)
_MARKED = re.compile(
    r"Marking task as (?P<state>\w+)\. dag_id=(?P<dag>[\w.-]+), task_id=(?P<task>[\w.-]+)"
)
_ENDED = re.compile(
    r"^(?:Task exited with return code (?:-?[1-9]|Negsignal)|Received SIGTERM|Detected zombie|Heartbeat|"
    r"State of this instance has been externally|.*Task is not able to be run|.*[Tt]imed out)"
)
_NO_CAUSE = re.compile(
    r"^(?:Task failed with exception|Failed to execute (?:task|job)\b.*|Task exited with return code 1\b.*)"
)


def recognise(text: str) -> int:
    return 90 if any(map(text.__contains__, _WORDS)) and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    lines = [_Line.of(line) for line in text.split("\n")]
    plain = "\n".join("" if line.own else line.words for line in lines)
    task = _task(text)
    errors = [
        line.words for line in lines if line.level in _BAD and not _NO_CAUSE.match(line.words)
    ]
    ended = [line.words for line in lines if line.level and _ENDED.match(line.words)]
    raised = [found for line in lines for found in line.raised]
    if raised:
        return [_of(task, found) for found in raised]
    words = next(iter(errors), None) or next(iter(ended), None)
    if words is None and "Traceback (most recent call last)" not in plain:
        return []
    message = words or "The task failed with an exception"
    weak = _NO_CAUSE.match(message) is not None or words is None
    return [Found(message=message, unit="task", step=task, inside=plain, weak=weak)]


_BAD = frozenset({"ERROR", "CRITICAL", "FATAL"})


class _Line:
    """One line of the log: its level, if it has one of its own, and its words."""

    __slots__ = ("level", "own", "raised", "words")

    def __init__(
        self, level: str, words: str, raised: tuple[Found, ...] = (), *, own: bool = False
    ) -> None:
        self.level, self.words, self.raised, self.own = level, words, raised, own

    @classmethod
    def of(cls, line: str) -> "_Line":
        hit = _LINE.match(line)
        if hit:
            return cls(hit["level"], hit["words"], own=_OWN_FILE.match(hit["file"]) is not None)
        data = _object(line)
        if data is None:
            return cls("", line)
        level = str(data.get("level") or data.get("levelname") or "").upper()
        words = data.get("event") or data.get("message") or ""
        return cls(level, str(words), tuple(_raised(data)))


def _object(line: str) -> Mapping[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _raised(data: Mapping[str, Any]) -> Iterator[Found]:
    """The last exception of `error_detail`, with its frames as a traceback."""
    detail = _objects(data.get("error_detail"))
    if not detail:
        return
    first = detail[0]
    trace = [
        f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
        for frame in _objects(first.get("frames"))
    ]
    kind, words = str(first.get("exc_type") or ""), str(first.get("exc_value") or "")
    head = "Traceback (most recent call last):"
    yield Found(
        message=words or kind or "The task failed with an exception",
        error_type=kind or None,
        traceback="\n".join([head, *trace, f"{kind}: {words}"]),
    )


def _of(task: str | None, found: Found) -> Found:
    return Found(
        message=found.message,
        error_type=found.error_type,
        traceback=found.traceback,
        unit="task",
        step=task,
    )


def _task(text: str) -> str | None:
    hit = _MARKED.search(text) or _TASK.search(text)
    if hit:
        return f"{hit['dag']}.{hit['task']}"
    names = [re.search(rf'"{name}": ?"([\w.-]{{1,200}})"', text) for name in ("dag_id", "task_id")]
    return ".".join(name[1] for name in names if name) or None

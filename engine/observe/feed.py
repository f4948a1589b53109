"""What runs of this process tell of themselves while they go on; the log has what they have done.

Nothing here is stored, and no run waits for a listener.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast, get_args

from ..ports import Clock, SecretMasker
from ..storage.events import DurableKind, RunEvent
from ..storage.journal import Begun

Tell: TypeAlias = Callable[[RunEvent], None]

MOST_RUNS = 1000
MOST_ACTIVITIES = 100
LONGEST_TEXT = 2000
_DEPTH = 6
#: What the log tells of once it is true. A step's start is told at once as well, without a number.
_FROM_LOG = frozenset(get_args(DurableKind)) | {"execution_ended"}
_RUN_ENDS = "execution_ended"


@dataclass(frozen=True, slots=True)
class Activity:
    """A step under way, or one whose end may not be committed yet.

    `tokens` and `cost_usd` are those of its turns so far; `cost_usd` is None while unknown. `text`
    is the end of what its model has said, shortened where `truncated`.
    """

    path: str
    started_at: datetime
    name: str | None = None
    kind: str | None = None
    action: str | None = None
    tool: str | None = None
    turn: int | None = None
    tokens: int = 0
    cost_usd: Decimal | None = None
    text: str | None = None
    truncated: bool = False
    has_ended: bool = False


class Feed:
    """Any number of runs and listeners, in any threads.

    `listening` is what an interpreter asks for the sink of a round; `doing` is what the tiles ask.
    """

    def __init__(self, clock: Clock, masker: SecretMasker) -> None:
        self._clock = clock
        self._masker = masker
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, OrderedDict[str, Activity]] = OrderedDict()
        self._listeners: dict[str, tuple[Tell, ...]] = {}

    def listening(self, begun: Begun) -> "RunFeed":
        """The sink of a round that begins here, or goes on here."""
        execution_id = begun.ticket.execution_id
        with self._lock:
            self._runs.pop(execution_id, None)
            self._runs[execution_id] = OrderedDict()
            if len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
        return RunFeed(self, execution_id, begun.ticket.round)

    def doing(self, execution_id: str) -> tuple[Activity, ...] | None:
        """The steps under way, as they started; None if this process does not carry the run out."""
        with self._lock:
            steps = self._runs.get(execution_id)
            return None if steps is None else tuple(steps.values())

    def listen(self, execution_id: str, tell: Tell) -> None:
        """Has *tell* called with what is only told live, in the thread of the run: be quick."""
        with self._lock:
            self._listeners[execution_id] = (*self._listeners.get(execution_id, ()), tell)

    def leave(self, execution_id: str, tell: Tell) -> None:
        """Ends a `listen`; does nothing without one."""
        with self._lock:
            left = tuple(one for one in self._listeners.get(execution_id, ()) if one != tell)
            if left:
                self._listeners[execution_id] = left
            else:
                self._listeners.pop(execution_id, None)

    def note(self, run: "RunFeed", kind: str, path: str, facts: Mapping[str, Any]) -> None:
        """Remembers what it says of the step, and tells whoever listens."""
        listeners = self._listeners.get(run.execution_id, ())
        is_told = bool(listeners) and (kind not in _FROM_LOG or kind == "step_started")
        change = _CHANGES.get(kind)
        if not (is_told or change or kind == _RUN_ENDS):
            return
        plain = cast("dict[str, Any]", self._plain(facts, _DEPTH))
        now = self._clock.now()
        with self._lock:
            if kind == _RUN_ENDS:
                self._runs.pop(run.execution_id, None)
            elif change is not None:
                self._remember(run.execution_id, kind, path, change(plain), now)
        if not is_told:
            return
        event = RunEvent(
            seq=None,
            execution_id=run.execution_id,
            round=run.round,
            kind=kind,
            path=path or None,
            at=now,
            facts=plain,
        )
        for tell in listeners:
            tell(event)

    def _remember(
        self, execution_id: str, kind: str, path: str, change: dict[str, Any], now: datetime
    ) -> None:
        steps = self._runs.setdefault(execution_id, OrderedDict())
        before = steps.get(path)
        if before is None or kind == "step_started":
            steps.pop(path, None)
            before = Activity(path, now)
        steps[path] = replace(before, **change)
        if len(steps) > MOST_ACTIVITIES:
            ended = (path for path, one in steps.items() if one.has_ended)
            steps.pop(next(ended, next(iter(steps))))
        if len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)

    def _plain(self, value: Any, depth: int) -> Any:
        """*value* as JSON knows it, secrets masked, no deeper than *depth*."""
        match value:
            case None | bool() | int() | float():
                return value
            case dict() if depth:
                items = cast("dict[Any, Any]", value).items()
                return {str(key): self._plain(one, depth - 1) for key, one in items}
            case list() | tuple() if depth:
                return [self._plain(one, depth - 1) for one in cast("list[Any]", value)]
            case _:
                return self._masker.mask(str(value))[-LONGEST_TEXT:]


@dataclass(frozen=True, slots=True)
class RunFeed:
    """The `EventSink` of one round."""

    feed: Feed
    execution_id: str
    round: int

    def note(self, kind: str, path: str, **facts: Any) -> None:
        self.feed.note(self, kind, path, facts)


_Change: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]


def _started(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": facts.get("name"),
        "action": facts.get("action"),
        "kind": facts.get("step_kind"),
    }


def _turn(facts: Mapping[str, Any]) -> dict[str, Any]:
    cost = facts.get("cost")
    return {
        "turn": facts.get("turn"),
        "tokens": facts.get("tokens") or 0,
        "cost_usd": None if cost is None else Decimal(cost),
    }


def _tool(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool": facts.get("tool"), "turn": facts.get("turn")}


def _no_tool(_facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool": None}


def _text(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": facts.get("text"),
        "truncated": bool(facts.get("truncated")),
        "turn": facts.get("turn"),
    }


def _ended(_facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"has_ended": True, "tool": None, "text": None, "truncated": False}


_CHANGES: Mapping[str, _Change] = {
    "step_started": _started,
    "turn_completed": _turn,
    "tool_started": _tool,
    "tool_completed": _no_tool,
    "step_progress": _text,
    **dict.fromkeys(("step_completed", "step_failed", "approval_requested"), _ended),
}

"""What runs of this process tell of themselves while they go on; the log has what they have done.

Nothing here is stored, and no run waits for a listener.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
_FROM_LOG = frozenset(get_args(DurableKind)) | {"execution_ended", "execution_left"}
_RUN_LEFT = frozenset({"execution_ended", "execution_left"})


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
        self._runs: OrderedDict[str, RunFeed] = OrderedDict()
        self._listeners: dict[str, tuple[Tell, ...]] = {}

    def listening(self, begun: Begun) -> "RunFeed":
        """The sink of a round that begins here, or goes on here."""
        run = RunFeed(self, begun.ticket.execution_id, begun.ticket.round, begun.ticket.token)
        with self._lock:
            self._runs.pop(run.execution_id, None)
            self._keep(run)
        return run

    def telling(self, execution_id: str) -> "Telling | None":
        """What the run tells now; None if this process does not carry it out."""
        with self._lock:
            run = self._runs.get(execution_id)
            return None if run is None else Telling(run.token, tuple(run.steps.values()))

    def doing(self, execution_id: str) -> tuple[Activity, ...] | None:
        """The steps under way, as they started; None if this process does not carry the run out."""
        telling = self.telling(execution_id)
        return None if telling is None else telling.steps

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
        """Remembers what it says of the step, and tells whoever listens.

        Not what an interpreter says that has left its run, or that another one here has replaced.
        """
        listeners = self._listeners.get(run.execution_id, ())
        is_told = bool(listeners) and (kind not in _FROM_LOG or kind == "step_started")
        change = _CHANGES.get(kind)
        if not (is_told or change or kind in _RUN_LEFT):
            return
        now = self._clock.now()
        with self._lock:
            if run.has_left or self._keep(run) is not run:
                return
            if kind in _RUN_LEFT:
                run.has_left = True
                del self._runs[run.execution_id]
            elif change is not None:
                _remember(run.steps, kind, path, change(facts, self._hidden), now)
        if not is_told:
            return
        plain = cast("dict[str, Any]", self._plain(facts, _DEPTH))
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

    def _keep(self, run: "RunFeed") -> "RunFeed":
        """The sink that counts for the run of *run*; the oldest of too many is forgotten."""
        kept = self._runs.setdefault(run.execution_id, run)
        if len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)
        return kept

    def _hidden(self, text: str | None) -> str | None:
        """*text* with its secrets masked, or its end if it is long."""
        return None if text is None else self._masker.mask(text)[-LONGEST_TEXT:]

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
class Telling:
    """The steps under way in the run that an interpreter of this process has taken by `token`."""

    token: str
    steps: tuple[Activity, ...]


@dataclass(slots=True, eq=False)
class RunFeed:
    """The `EventSink` of one round. Its steps are the feed's to change."""

    feed: Feed
    execution_id: str
    round: int
    token: str
    steps: "OrderedDict[str, Activity]" = field(default_factory=OrderedDict[str, Activity])
    has_left: bool = False

    def note(self, kind: str, path: str, **facts: Any) -> None:
        self.feed.note(self, kind, path, facts)


def _remember(
    steps: "OrderedDict[str, Activity]",
    kind: str,
    path: str,
    change: Mapping[str, Any],
    now: datetime,
) -> None:
    before = steps.get(path)
    is_unused = before is not None and not before.tokens and before.cost_usd is None
    if change.get("has_ended") and is_unused:
        del steps[path]  # there is nothing to count before its end is committed
        return
    if before is None or kind == "step_started":
        steps.pop(path, None)
        steps[path] = Activity(path, now, **change)
    else:
        steps[path] = replace(before, **change)
    if len(steps) > MOST_ACTIVITIES:
        ended = (path for path, one in steps.items() if one.has_ended)
        steps.pop(next(ended, next(iter(steps))))


_Hide: TypeAlias = Callable[[str | None], str | None]
_Change: TypeAlias = Callable[[Mapping[str, Any], _Hide], Mapping[str, Any]]


def _started(facts: Mapping[str, Any], hide: _Hide) -> Mapping[str, Any]:
    return {
        "name": hide(facts.get("name")),
        "action": hide(facts.get("action")),
        "kind": facts.get("step_kind"),
    }


def _turn(facts: Mapping[str, Any], _hide: _Hide) -> Mapping[str, Any]:
    return {
        "turn": facts.get("turn"),
        "tokens": facts.get("tokens") or 0,
        "cost_usd": facts.get("cost"),
    }


def _tool(facts: Mapping[str, Any], hide: _Hide) -> Mapping[str, Any]:
    return {"tool": hide(facts.get("tool")), "turn": facts.get("turn")}


def _no_tool(_facts: Mapping[str, Any], _hide: _Hide) -> Mapping[str, Any]:
    return {"tool": None}


def _text(facts: Mapping[str, Any], hide: _Hide) -> Mapping[str, Any]:
    return {
        "text": hide(facts.get("text")),
        "truncated": bool(facts.get("truncated")),
        "turn": facts.get("turn"),
    }


_ENDED: Mapping[str, Any] = {"has_ended": True, "tool": None, "text": None, "truncated": False}


def _ended(_facts: Mapping[str, Any], _hide: _Hide) -> Mapping[str, Any]:
    return _ENDED


_CHANGES: Mapping[str, _Change] = {
    "step_started": _started,
    "turn_completed": _turn,
    "tool_started": _tool,
    "tool_completed": _no_tool,
    "step_progress": _text,
    **dict.fromkeys(("step_completed", "step_failed", "approval_requested"), _ended),
}

"""Writes down what people want to be told, in plain words, where and when it happens."""

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import Connection

from ..plain import in_brief, plain
from ..storage.database import Database
from ..storage.news import (
    OwnFix,
    RegressedFix,
    StartedPattern,
    find_own_fixes,
    find_regressed,
    find_started,
)
from ..storage.notices import add_notice
from ..types.engine import ScheduleNotice, StepApproval, WaitingRun
from ..types.frozen import visible
from ..types.notice import COMMAND, Channel, Notice, NoticeEvent
from ..types.pattern import PatternState

#: What is older than that is no news: a source may be read from its beginning.
NEWS = timedelta(days=1)
LONGEST_TEXT = 1_500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a workspace wants to be told, and how."""

    channels: tuple[Channel, ...] = ()
    events: frozenset[str] = frozenset()

    def on(self, event: NoticeEvent) -> tuple[Channel, ...]:
        is_wanted = event is NoticeEvent.TEST or event.value in self.events
        return self.channels if is_wanted else ()


def wants_nothing(_workspace_id: str) -> Wanted:
    return Wanted()


class Outbox:
    """wanted: what a workspace has decided. mask: takes secrets out of a text.

    wake: has somebody look into the outbox, once what was written is stored.
    """

    def __init__(
        self,
        database: Database,
        *,
        wanted: Callable[[str], Wanted] = wants_nothing,
        mask: Callable[[str], str] = str,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self.wanted = wanted
        self._mask = mask
        self.wake = wake

    def note(self, connection: Connection, workspace_id: str, wanted: Wanted) -> bool:
        """Patterns that have started, and fixes that did not hold or were applied by themselves.

        In the caller's transaction.

        *wanted* was asked before it. Whether there is anything to `wake` somebody for, once it is
        stored; what was written down before is not again.
        """
        since = self._database.now() - NEWS
        told: list[Notice] = []
        if wanted.on(NoticeEvent.PATTERN_STARTED):
            found = find_started(connection, workspace_id, since=since)
            told += (self._pattern(workspace_id, one) for one in found)
        if wanted.on(NoticeEvent.FIX_REGRESSED):
            regressed = find_regressed(connection, workspace_id, since=since)
            told += (self._regressed(workspace_id, one) for one in regressed)
        if wanted.on(NoticeEvent.FIX_APPLIED):
            own = find_own_fixes(connection, workspace_id, since=since)
            told += (self._applied(workspace_id, one) for one in own)
        return self._add(connection, told, wanted)

    def look(self, workspace_id: str) -> None:
        """`note` in a transaction of its own: for what nobody has noted where it happened."""
        wanted = self.wanted(workspace_id)
        with self._database.write() as connection:
            added = self.note(connection, workspace_id, wanted)
        if added:
            self.wake()

    def schedule_paused(self, notice: ScheduleNotice) -> None:
        """A workflow that its schedule starts no more; one that is only near it is not told here."""
        if notice.kind != "paused":
            return
        told = self._notice(
            NoticeEvent.RUN_PAUSED,
            notice.workspace_id,
            notice.workflow_id,
            text=notice.text,
            at=notice.at,
            same=[notice.id],
            details={"paused_by": "schedule", "execution_id": notice.execution_id},
        )
        self._write(notice.workspace_id, [told])

    def runs_parked(self, workspace_id: str, waiting: Iterable[WaitingRun]) -> None:
        """Runs that wait for a quota; the same run is told once each time it is parked."""
        if self.wanted(workspace_id).on(NoticeEvent.RUN_PAUSED):
            self._write(workspace_id, [self._parked(workspace_id, run) for run in waiting])

    def runs_asking(self, workspace_id: str, asked: Iterable[StepApproval]) -> None:
        """Decisions of people that runs wait for; each is told once, however often it is seen."""
        if self.wanted(workspace_id).on(NoticeEvent.RUN_PAUSED):
            self._write(workspace_id, [self._asking(workspace_id, one) for one in asked])

    def test(self, workspace_id: str, *, by: str, same: Sequence[str]) -> str:
        """A test event, as asked for by *by*; gives its id. same: what makes it this one."""
        notice = self._notice(
            NoticeEvent.TEST,
            workspace_id,
            None,
            text=f"This is a test of Ask Copilot's notices for '{workspace_id}', sent by {by}.",
            at=self._database.now(),
            same=same,
            details={},
        )
        with self._database.write() as connection:
            self._add(connection, [notice], self.wanted(workspace_id))
        return notice.event_id

    def _parked(self, workspace_id: str, run: WaitingRun) -> Notice:
        text = (
            f"A run of your agent '{run.workflow_id}' is paused: {run.message} "
            f"It goes on by itself at {run.auto_resume_at:%Y-%m-%d %H:%M} UTC."
        )
        return self._notice(
            NoticeEvent.RUN_PAUSED,
            workspace_id,
            run.workflow_id,
            text=text,
            at=run.parked_at,
            same=[run.execution_id, run.parked_at.isoformat()],
            details={
                "paused_by": "quota",
                "execution_id": run.execution_id,
                "auto_resume_at": run.auto_resume_at.isoformat(),
            },
        )

    def _asking(self, workspace_id: str, one: StepApproval) -> Notice:
        """Without the question itself, which may hold anything that the run has read."""
        role = "a person" if one.role is None else f"a person with the role {one.role}"
        until = "" if one.expires_at is None else f", until {one.expires_at:%Y-%m-%d %H:%M} UTC"
        run, path = shlex.quote(one.execution_id), shlex.quote(one.path)
        text = (
            f"A run of your agent '{one.workflow_id}' waits: '{one.name}' is for {role} to "
            f"decide{until}."
        )
        return self._notice(
            NoticeEvent.RUN_PAUSED,
            workspace_id,
            one.workflow_id,
            text=text,
            commands={
                "What it asks:": f"ask-copilot approvals {run}",
                "Decide (or --reject):": f"ask-copilot decide {run} {path} --approve",
            },
            at=one.asked_at,
            same=[one.execution_id, one.path, one.asked_at.isoformat()],
            details={
                "paused_by": "approval",
                "execution_id": one.execution_id,
                "path": one.path,
                "role": one.role,
                "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
            },
        )

    def _pattern(self, workspace_id: str, one: StartedPattern) -> Notice:
        came_back = one.state == PatternState.REGRESSED.value
        verb = "fails again with what was resolved" if came_back else "keeps failing"
        runs = "1 run" if one.failures == 1 else f"{one.failures} runs"
        text = f"Your agent '{one.workflow_id}' {verb}: {one.label} ({runs} so far)."
        return self._notice(
            NoticeEvent.PATTERN_STARTED,
            workspace_id,
            one.workflow_id,
            text=text,
            commands={"Ask why:": f"ask-copilot analyze {shlex.quote(one.last_execution_id)}"},
            at=one.at,
            same=[one.workflow_id, str(one.turn)],
            details={
                "signature": one.signature,
                "state": one.state,
                "failures": one.failures,
                "execution_id": one.last_execution_id,
            },
        )

    def _regressed(self, workspace_id: str, one: RegressedFix) -> Notice:
        passed = "1 run" if one.passed == 1 else f"{one.passed} runs"
        text = (
            f"A fix of your agent '{one.workflow_id}' did not hold: the same error came back in run "
            f"{one.regressed_in}, after {passed} without it."
        )
        return self._notice(
            NoticeEvent.FIX_REGRESSED,
            workspace_id,
            one.workflow_id,
            text=text,
            commands={"See:": f"ask-copilot outcome {shlex.quote(one.change_id)}"},
            at=one.judged_at,
            same=[one.change_id],
            details={"change_id": one.change_id, "execution_id": one.regressed_in},
        )

    def _applied(self, workspace_id: str, one: OwnFix) -> Notice:
        changed = "".join(in_brief(plain(one.before, one.after)))
        text = (
            f"A fix of your agent '{one.workflow_id}' was applied by itself, in version "
            f"{one.version}, under the standing approval {one.standing_id}, signed by "
            f"{one.signed_by}. {one.fix_type}: {changed}"
        )
        return self._notice(
            NoticeEvent.FIX_APPLIED,
            workspace_id,
            one.workflow_id,
            text=text,
            commands={"Take it back:": f"ask-copilot revert {one.change_id}"},
            at=one.applied_at,
            same=[one.change_id],
            details={"change_id": one.change_id, "standing_id": one.standing_id},
        )

    def _notice(
        self,
        event: NoticeEvent,
        workspace_id: str,
        workflow_id: str | None,
        *,
        text: str,
        at: datetime,
        same: Sequence[str],
        details: dict[str, JsonValue],
        commands: Mapping[str, str] | None = None,
    ) -> Notice:
        """same: equal for the same event and no other; its id is made from it.

        commands: what to do next, each below the words that say what it is for.
        """
        words = [self._plain(text)[:LONGEST_TEXT]]
        for lead, command in (commands or {}).items():
            words += [lead, f"{COMMAND}{self._plain(command)}"]
        about = json.dumps([workspace_id, event.value, *same])
        return Notice(
            event_id=f"notice_{hashlib.sha256(about.encode()).hexdigest()[:32]}",
            event=event,
            workspace_id=workspace_id,
            workflow_id=workflow_id,
            text="\n".join(words),
            at=at,
            details=details,
        )

    def _plain(self, text: str) -> str:
        return visible(self._mask(text))

    def _write(self, workspace_id: str, told: Sequence[Notice]) -> None:
        if not told:
            return
        wanted = self.wanted(workspace_id)
        with self._database.write() as connection:
            added = self._add(connection, told, wanted)
        if added:
            self.wake()

    def _add(self, connection: Connection, told: Iterable[Notice], wanted: Wanted) -> bool:
        now = self._database.now()
        added = [
            add_notice(connection, one, wanted.on(one.event), now=now)
            for one in told
            if now - one.at <= NEWS
        ]
        return any(added)

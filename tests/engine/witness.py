"""Looks at a run again and again, and knows what may never be otherwise."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from engine.execution import ExecutionStatus, StepStatus
from engine.storage.events import EventLog
from engine.storage.queue_tables import QUEUE
from tests.engine.expected_outputs import check_seen, check_whole
from tests.engine.random_world import COST, TOKENS

CONTAINERS = ("branch", "parallel", "loop")
ENDED = (StepStatus.SUCCEEDED, StepStatus.FAILED)
_ENDS = {StepStatus.SUCCEEDED: "step_completed", StepStatus.FAILED: "step_failed"}


def _begins(event):
    return event.kind == "execution_resumed" and event.facts.get("mode") is not None


@dataclass
class Witness:
    """What has been seen of one run so far, over every process that has carried it out.

    `flows` are the data of its workflow by version.
    """

    engine: Any
    run_id: str
    flows: dict[int, Any]
    workspace: str = "acme"
    ended: dict[tuple[int, str], Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    percents: dict[int, int] = field(default_factory=dict)
    modes: dict[int, str] = field(default_factory=dict)
    kept_effects: set[str] = field(default_factory=set)

    def look(self, *, working=False):
        """The run as it is now; *working* while a process is at it, so that its queue may lag."""
        with self.engine.at_one_moment():
            run = self.engine.execution(self.workspace, self.run_id)
            history = self.engine.history(self.workspace, self.run_id)
            steps = self.engine.steps(self.workspace, self.run_id)
            log = EventLog(self.engine.database).page(self.workspace, self.run_id)
            percent = self.engine.progress(self.workspace, self.run_id).progress_percentage
        self._learn_rounds(run, history, log.events)
        self._check_history(history)
        self._check_totals(run, history)
        self._check_events(run, history, log.events)
        self._check_progress(run, percent)
        check_seen(history)
        if run.status.is_terminal:
            self._check_over(run, steps, history, working=working)
        if run.status is ExecutionStatus.SUCCEEDED:
            assert percent == 100
            check_whole(
                self.flows[run.workflow_version],
                run,
                steps,
                modes=self.modes,
                kept_effects=self.kept_effects,
            )
        return run

    def progressed(self):
        """Progress as anybody might ask for it at any moment."""
        run = self.engine.progress(self.workspace, self.run_id)
        assert 0 <= run.progress_percentage <= 100
        round = self.engine.execution(self.workspace, self.run_id).round
        self._check_percent(round, run.progress_percentage)

    def _learn_rounds(self, run, history, events):
        """How each round came about; of one that nobody looked at, what it kept isn't told any more."""
        unseen = set(range(2, run.round)) - self.modes.keys()
        self.modes |= {event.round: event.facts["mode"] for event in events if _begins(event)}
        self.modes[run.round] = run.resume_mode or "first"
        if run.resume_report is not None:
            self.kept_effects.update(run.resume_report.kept_effects)
        self.kept_effects.update(
            step.path
            for step in history
            if step.effect and any(step.round < round for round in unseen)
        )

    def _check_history(self, history):
        """One row a path a round; what has ended stays as it is, and is never lost."""
        rows = {(step.round, step.path): step for step in history}
        assert len(rows) == len(history)
        for key, before in self.ended.items():
            assert rows.get(key) == before, f"{key} is not what it was"
        self.ended = {key: step for key, step in rows.items() if step.status in ENDED}
        for step in history:
            if step.status not in ENDED:
                known = (
                    step.effect if step.status is StepStatus.RUNNING else step.kind == "approval"
                )
                assert known, f"{step.path} has no reason for a row yet"

    def _check_totals(self, run, history):
        mine = [step for step in history if step.round == run.round]
        leaves = [step for step in mine if step.kind not in CONTAINERS]
        assert not any(step.tokens_used for step in mine if step.kind in CONTAINERS)
        assert run.total_tokens_used == sum(step.tokens_used for step in leaves)
        assert run.total_execution_time_ms == sum(step.execution_time_ms for step in leaves)
        assert (run.total_cost_usd or 0) == sum(step.cost_usd or 0 for step in leaves)
        for step in leaves:
            assert step.tokens_used % TOKENS == 0
            assert (step.cost_usd or Decimal(0)) == COST * (step.tokens_used // TOKENS)

    def _check_events(self, run, history, events):
        events = list(events)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert events[: len(self.events)] == self.events, "the log has changed"
        self.events = events
        told: dict[tuple[int, str], list[str]] = {}
        for event in events:
            if event.path is not None:
                told.setdefault((event.round, event.path), []).append(event.kind)
        rows = {(step.round, step.path): step for step in history}
        assert told.keys() == rows.keys()
        for key, kinds in told.items():
            assert kinds[0] == "step_started"
            assert kinds.count("step_started") == 1
            ends = [kind for kind in kinds if kind in _ENDS.values()]
            status = rows[key].status
            assert ends == ([_ENDS[status]] if status in ENDED else []), (key, kinds, status)
            assert not ends or kinds[-1] == ends[0]
        starts = Counter(event.round for event in events if event.kind == "execution_started")
        assert max(starts.values(), default=0) <= 1
        assert max((event.round for event in events), default=1) <= run.round
        if run.status.is_terminal:
            last = [event for event in events if event.path is None][-1]
            assert last.facts["status"] == run.status.value
            # Where somebody else has ended the run, what was stopped by that is told behind it.
            behind = {event.kind for event in events if event.seq > last.seq}
            assert behind <= {"step_started", "step_failed"}, behind
        elif run.status is ExecutionStatus.PAUSED:
            assert events[-1].kind == "execution_paused"

    def _check_progress(self, run, percent):
        assert 0 <= percent <= 100
        self._check_percent(run.round, percent)

    def _check_percent(self, round, percent):
        assert percent >= self.percents.get(round, 0), "progress went back"
        self.percents[round] = percent

    def _check_over(self, run, steps, history, *, working):
        """Nothing of a run that has ended goes on, or waits for anybody."""
        over = {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED}
        assert {step.status for step in steps} <= over, "a step goes on after the run's end"
        assert StepStatus.RUNNING not in {step.status for step in history}
        waiting = self.engine.runs.waiting(self.workspace)
        assert self.run_id not in {one.execution_id for one in waiting}
        assert run.completed_at is not None
        if not working:
            query = sa.select(QUEUE).where(QUEUE.c.execution_id == self.run_id)
            with self.engine.database.connect() as connection:
                assert connection.execute(query).all() == []

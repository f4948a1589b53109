"""What a server that cleans nothing might say of runs: each name and text in it is hostile."""

from datetime import date
from decimal import Decimal

from copilot.types import Change, ChangeState, Outcome, OutcomeState
from copilot.types.engine import (
    AccountAllowances,
    Allowance,
    ExecutionPage,
    Hints,
    ResumeReport,
    RunEvent,
    ScheduledStart,
    ScheduleRecord,
    ScheduleWarning,
    StaleStep,
    StepApproval,
    Tiles,
    WaitingRun,
)
from engine.execution import ExecutionStatus
from engine.observe.stats import BudgetHint, DocumentHint, PatternHint, RuntimeHint
from engine.observe.tiles import CostTile, ElapsedTile, StepNow, TokenTile
from engine.quota import Quota
from engine.storage.schedule_records import StartState
from tests.surfaces.chat_service import NOW, error_info, execution, step


def answers_about_runs(evil, run):
    """For `RecordingService`; *run* is the run that is asked about."""
    return {
        "executions__list": lambda **_: ExecutionPage(executions=(run,), next_cursor=None),
        "executions__steps": lambda _id, **_: (
            step(name=evil, action=evil, path=f"/a{evil}/b{evil}/c"),
        ),
        "executions__wait": lambda *_: run,
        "executions__resume": lambda _id, **_: resumed(evil),
        "executions__approvals": lambda _id: (approval(evil), approval(evil, status="approved")),
        "executions__waiting": lambda: (approval(evil),),
        "executions__decide": lambda *_, **__: run,
        "events__live": lambda _id: tiles(evil),
        "events__follow": lambda _id, **_: events(evil),
        "quotas__list": lambda: quota_accounts(evil),
        "quotas__waiting": lambda: (waiting_run(evil, run.id),),
        "quotas__override": lambda *_: quota_accounts(evil)[0],
        "schedules__list": lambda: (schedule(evil),),
        "schedules__get": lambda _id: schedule(evil),
        "schedules__starts": lambda _id, **_: (scheduled_start(evil),),
        "schedules__warnings": lambda _id: (warning(evil),),
        "workflows__hints": lambda _id: hints(evil),
    }


def approval(evil, **changes):
    return StepApproval(
        execution_id=f"run{evil}",
        workflow_id=f"agent{evil}",
        path=f"/a{evil}",
        step_id=f"a{evil}",
        name=f"n{evil}",
        message=f"m{evil}",
        role=f"r{evil}",
        status="waiting",
        asked_at=NOW,
        expires_at=NOW,
        decided_at=NOW,
        decided_by=f"by{evil}",
        comment=f"c{evil}",
    ).model_copy(update=changes)


def paused(evil, *, by_quota):
    error = error_info(f"e{evil}") if by_quota else None
    return execution(
        id=f"run{evil}", workflow_id=f"w{evil}", status=ExecutionStatus.PAUSED, error=error
    )


def resumed(evil):
    stale = [
        StaleStep(path=f"/s{evil}{number}", reason=reason, because=f"b{evil}")
        for number, reason in enumerate(
            ("not_done", "definition_changed", "input_changed", "needed_again", "gone")
        )
    ]
    report = ResumeReport(
        mode="partial",
        reused_total=900,
        reused=(f"/r{evil}",),
        stale_total=5,
        stale=tuple(stale),
        kept_effects=(f"/k{evil}",),
    )
    return execution(round=2, resume_mode="partial", resume_report=report, error=None)


def events(evil):
    """One of each kind that is told, with everything it may say."""
    kinds = {
        "execution_started": {},
        "step_started": {"name": evil},
        "step_completed": {
            "name": evil,
            "action": evil,
            "cost_usd": evil,
            "execution_time_ms": evil,
            "fallback": evil,
        },
        "step_failed": {"name": evil, "action": evil, "error": evil},
        "approval_requested": {"name": evil},
        "approval_decided": {"decision": evil, "by": evil},
        "execution_paused": {"reason": evil, "wake_at": NOW.isoformat()},
        "execution_resumed": {"reason": "asked", "mode": evil},
        "execution_failed": {"status": evil, "error": evil},
        f"unknown{evil}": {"name": evil},
    }
    for number, (kind, facts) in enumerate(kinds.items(), start=1):
        yield RunEvent(
            seq=number,
            execution_id=f"run{evil}",
            round=1,
            kind=kind,
            path=f"/p{evil}",
            at=NOW,
            facts=facts,
        )


def tiles(evil):
    return Tiles(
        execution_id=f"run{evil}",
        status=ExecutionStatus.RUNNING,
        round=1,
        as_of=NOW,
        is_live=True,
        tokens=TokenTile(used=5, per_second=1.0, estimated_least=1, estimated_most=9),
        cost=CostTile(used_usd=None, counted_usd=Decimal("0.01"), budget_usd=Decimal(1)),
        steps=(StepNow(path=f"/a{evil}", name=evil, action=evil, tool=evil, turn=1, most_turns=3),),
        elapsed=ElapsedTile(seconds=1.0),
    )


def quota_accounts(evil):
    quota = Quota(
        name=f"emails{evil}/day", limit=3, unit=f"e{evil}", window="day", source=evil, date=date.min
    )
    allowance = Allowance(quota=quota, used=1, left=2, resets_at=None)
    account = AccountAllowances(
        integration=f"i{evil}", allowances=(allowance,), stopped_until=NOW, stop_message=evil
    )
    return (account,)


def waiting_run(evil, execution_id):
    return WaitingRun(
        execution_id=execution_id,
        workflow_id=f"w{evil}",
        reason=evil,
        message=f"m{evil}",
        parked_at=NOW,
        auto_resume_at=NOW,
    )


def schedule(evil):
    return ScheduleRecord(
        workspace_id="default",
        workflow_id=f"w{evil}",
        version=1,
        expression=f"1d{evil}",
        problem=f"p{evil}",
        next_at=None,
        paused=False,
        failures={f"f{evil}": 2},
        last_failure=evil,
        warned=True,
        average_turns=2.0,
        last_turns=2,
        last_version=1,
        last_execution_id=f"run{evil}",
    )


def scheduled_start(evil):
    return ScheduledStart(
        workspace_id="default",
        workflow_id=f"w{evil}",
        tick=NOW,
        planned_at=NOW,
        state=StartState.SKIPPED,
        note=f"n{evil}",
        detail=f"d{evil}",
        execution_id=f"run{evil}",
        updated_at=NOW,
    )


def warning(evil):
    return ScheduleWarning(code="many_turns", severity="high", message=f"m{evil}", step=evil)


def hints(evil):
    return Hints(
        workflow_id=f"w{evil}",
        pattern=f"p{evil}",
        step_count=2,
        runs=5,
        note=None,
        budget=BudgetHint(
            per_step_usd=Decimal(1), mean_usd=Decimal(1), deviation_usd=Decimal(0), samples=3
        ),
        documents=DocumentHint(strategy="per-step", average_documents=4.5),
        runtime=RuntimeHint(runtime=f"r{evil}", success_rate=0.5, samples=3),
        pattern_comparison=PatternHint(
            pattern=f"o{evil}", success_rate=0.9, samples=3, own_success_rate=0.5
        ),
    )


def that_did_not_hold(evil: str) -> Change:
    """A fix that every run has had."""
    return Change(
        change_id=f"change_{evil}1",
        fix_id=f"fix_{evil}1",
        fix_type=f"replace_value{evil}",
        workspace_id="default",
        workflow_id=evil,
        base_version=0,
        version=1,
        state=ChangeState.APPLIED,
        actor=evil,
    )


def did_not_hold(evil: str) -> Outcome:
    return Outcome(
        change_id=f"change_{evil}1",
        state=OutcomeState.REGRESSED,
        passes=0,
        needed=3,
        explanation=f"It came back{evil}.",
        rollback_proposed=True,
    )

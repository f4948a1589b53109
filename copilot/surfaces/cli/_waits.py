"""What a paused run waits for, and which command has it go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from ...service import Service
from ...types.engine import Execution, StepApproval, WaitingRun
from ._shown import PROSE, line, moment

PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Waits:
    """Of one run: people's decisions, or a quota; neither for a run that does not wait."""

    approvals: tuple[StepApproval, ...] = ()
    quota: WaitingRun | None = None

    def as_data(self) -> dict[str, Any] | None:
        """For JSON; None when it waits for nothing."""
        if not self.approvals and self.quota is None:
            return None
        return {"approvals": list(self.approvals), "quota": self.quota}


def waits_of(asked: Service, execution: Execution) -> Waits:
    """What *execution* waits for. One that a quota stopped keeps the error it was stopped by."""
    if execution.status.value != PAUSED:
        return Waits()
    if execution.error is None:
        return Waits(approvals=open_approvals(asked, execution.id))
    parked = (one for one in asked.quotas.waiting() if one.execution_id == execution.id)
    return Waits(quota=next(parked, None))


def open_approvals(asked: Service, execution_id: str) -> tuple[StepApproval, ...]:
    """The decisions a run waits for, one a place. Raises NotFound if there is no such run."""
    waiting = (one for one in asked.executions.approvals(execution_id) if one.status == "waiting")
    return tuple({one.path: one for one in waiting}.values())


def show_waits(console: Console, execution: Execution, waits: Waits) -> None:
    """What it waits for and how it goes on; nothing for a run that does not wait."""
    show_decisions(console, waits.approvals)
    if waits.quota is not None:
        show_parked(console, waits.quota)
    elif execution.status.value == PAUSED and execution.error is not None:
        console.print(Text(f"Waits: {line(execution.error.message, limit=PROSE)}"))


def show_decisions(console: Console, approvals: Sequence[StepApproval]) -> None:
    """All the decisions that one run waits for, each with its command."""
    for approval in approvals:
        console.print(Text(f"Waits for a decision: {words_of(approval)}"))
        show_message(console, approval)
        show_way_on(console, approval, with_path=len(approvals) > 1)


def words_of(approval: StepApproval) -> str:
    """'Release (/both/ask/yes), by any person, until 2026-01-31 14:02:11 UTC'."""
    role = (
        "any person" if approval.role is None else f"a person with the role {line(approval.role)}"
    )
    until = "" if approval.expires_at is None else f", until {moment(approval.expires_at)} UTC"
    return f"{line(approval.name)} ({line(approval.path)}), by {role}{until}"


def show_message(console: Console, approval: StepApproval) -> None:
    """What is to be decided, as the workflow says it."""
    console.print(Text(f"  {line(approval.message, limit=PROSE)}"))


def show_way_on(console: Console, approval: StepApproval, *, with_path: bool) -> None:
    """The command that decides it, on one line to be copied."""
    place = f" {line(approval.path)}" if with_path else ""
    command = f"ask-copilot decide {line(approval.execution_id)}{place} --approve"
    console.print(Text(f"  {command}   (or --reject)", style="dim"), soft_wrap=True)


def show_parked(console: Console, run: WaitingRun) -> None:
    """Why a run was parked, when it goes on by itself, and how it goes on before."""
    console.print(Text(f"Waits for a quota: {line(run.message, limit=PROSE)}"))
    console.print(
        f"  It goes on by itself at {moment(run.auto_resume_at)} UTC, in a server or a worker.",
        markup=False,
    )
    command = f"ask-copilot resume {line(run.execution_id)} --mode partial"
    console.print(Text(f"  {command}   (to try before)", style="dim"), soft_wrap=True)

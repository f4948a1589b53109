"""An approval step: a person is asked, and nothing waits in memory until they have decided."""

from datetime import timedelta
from typing import Any

from ...definition.expressions import as_text, resolve
from ...definition.steps import REJECTED, ApprovalStep
from ...errors import ApprovalExpired, ApprovalRejected, EngineError, InvalidDefinition, StepError
from ...execution import StepApproval, StepStatus
from ...storage import codec
from ...storage.pauses import Decided
from ...storage.questions import answer_of
from ..entries import Ended
from ..outcome import Outcome
from .walking import Walking


async def carry_out(step: ApprovalStep, scope: dict[str, Any], path: str, walk: Walking) -> Outcome:
    """Asks, or goes on with what was decided. Its output says who decided what, and when."""
    known = walk.run.unfinished.get(path)
    asked = walk.run.approvals.get(path)
    if known is None or known.status is not StepStatus.PAUSED or asked is None:
        return await _ask(step, scope, path, walk)
    if asked.status == "waiting":
        return await _wait(step, asked, path, walk)
    decided = answer_of(asked)
    walk.run.events.note("approval_decided", path, decision=asked.status, by=asked.decided_by)
    if asked.status == "rejected":
        if not step.on_reject:
            return await _reject(step, asked, path, walk)
        inside = {**scope, step.id: decided}
        outcome = await walk.steps(step.on_reject, inside, f"{path}/{REJECTED}")
        if outcome.is_paused:
            return outcome
        entry = walk.entries.open(walk.run, step, path, settles=True)
        if not outcome.is_done:
            return await walk.end_held(entry, outcome)
        return await walk.end_held(entry, Outcome({**decided, "output": outcome.output}))
    entry = walk.entries.open(walk.run, step, path, settles=True)
    return await walk.end_held(entry, Outcome(decided))


async def _ask(step: ApprovalStep, scope: dict[str, Any], path: str, walk: Walking) -> Outcome:
    entry = walk.entries.open(walk.run, step, path)
    try:
        message = as_text(resolve(step.message, scope))
    except (StepError, InvalidDefinition) as error:
        info = walk.entries.describe(error)
        await entry.end(Ended(error=info))
        return Outcome(error=info, failed_path=path)
    seconds, now = step.expires_seconds, walk.entries.clock.now()
    expires_at = None if seconds is None else now + timedelta(seconds=seconds)
    await entry.ask(walk.entries.masker.mask(message), expires_at, step.role)
    return Outcome(is_paused=True)


async def _wait(step: ApprovalStep, asked: StepApproval, path: str, walk: Walking) -> Outcome:
    if asked.expires_at is None or asked.expires_at > walk.entries.clock.now():
        return Outcome(is_paused=True)
    entry = walk.entries.open(walk.run, step, path, settles=True)
    until = f"{asked.expires_at:%Y-%m-%d at %H:%M} UTC"
    error: EngineError = ApprovalExpired(
        f"Nobody decided about {step.title!r} until {until}.",
        expired_at=asked.expires_at.isoformat(),
    )
    try:
        return Outcome(error=await entry.expire(error), failed_path=path)
    except Decided:  # what was decided is read before the run would pause
        walk.run.under_way.pop(path, None)
        return Outcome(is_paused=True)


async def _reject(step: ApprovalStep, asked: StepApproval, path: str, walk: Walking) -> Outcome:
    entry = walk.entries.open(walk.run, step, path, settles=True)
    by = f" by {asked.decided_by}" if asked.decided_by else ""
    why = f": {asked.comment}" if asked.comment else "."
    error = ApprovalRejected(
        f"{step.title!r} was rejected{by}{why}", by=asked.decided_by, comment=asked.comment
    )
    info = walk.entries.describe(error)
    text = codec.dumps(answer_of(asked), place=f"output of {path}")
    await entry.end(Ended(text=text, error=info))
    return Outcome(error=info, failed_path=path)

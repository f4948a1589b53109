"""What the engine refuses or gives up outside every step."""

from collections.abc import Sequence
from typing import Any, ClassVar


class EngineError(Exception):
    """Base of all deliberate errors; `code` is stable and public, the message is not."""

    code: ClassVar[str] = "engine_error"
    retryable: ClassVar[bool] = False


class InvalidDefinition(EngineError):
    """`InvalidDefinition(problems)`: one line each, with file, step, field and the likely name."""

    code = "invalid_definition"

    def __str__(self) -> str:
        (problems,) = self.args
        return "\n".join(problems)


class NotFound(EngineError):
    """`NotFound(kind)`: the same for a missing thing and for another workspace's."""

    code = "not_found"

    def __str__(self) -> str:
        (kind,) = self.args
        return f"No such {kind} in this workspace."


class AlreadyExists(EngineError):
    """`AlreadyExists(kind)`."""

    code = "already_exists"

    def __str__(self) -> str:
        (kind,) = self.args
        return f"There is a {kind} with this id already."


class StaleVersion(EngineError):
    """`StaleVersion(what, expected, current)`."""

    code = "stale_version"

    def __str__(self) -> str:
        what, expected, current = self.args
        return f"{what} is at version {current}, not {expected}: read it again."


class PreconditionRequired(EngineError):
    """`PreconditionRequired(method)`: HTTP's own condition on a replacement is missing."""

    code = "precondition_required"

    def __str__(self) -> str:
        (method,) = self.args
        return f"{method} needs the header If-Match, with the ETag of what it replaces."


class RequestKeyReused(EngineError):
    """`RequestKeyReused()`: nothing was done."""

    code = "request_key_reused"

    def __str__(self) -> str:
        return "This request key was used for another request. Use a new key for each request."


class InvalidCursor(EngineError):
    """`InvalidCursor()`."""

    code = "invalid_cursor"

    def __str__(self) -> str:
        return "This cursor can't be read. Use the next_cursor of the page before, or none."


class InvalidSchedule(EngineError):
    """`InvalidSchedule(name, cron, problem)`."""

    code = "invalid_schedule"

    def __str__(self) -> str:
        name, cron, problem = self.args
        return f"The schedule of {name!r} can't be used: {cron!r} {problem}."


class WorkflowPaused(EngineError):
    """`WorkflowPaused(by, at, reason)`: who (or None), an aware datetime, and why (or "")."""

    code = "workflow_paused"

    def __str__(self) -> str:
        by, at, reason = self.args
        start = f"This workflow was paused{f' by {by}' if by else ''} on {at:%Y-%m-%d at %H:%M} UTC"
        return f"{start}{f' ({reason})' if reason else ''}. Unpause it, or start a test run."


class AlreadyRunning(EngineError):
    """`AlreadyRunning(status)`."""

    code = "already_running"

    def __str__(self) -> str:
        (status,) = self.args
        return f"This execution is {status}: wait for it to end, or cancel it first."


class NotResumable(EngineError):
    """`NotResumable(status, advice)`."""

    code = "not_resumable"

    def __str__(self) -> str:
        status, advice = self.args
        return f"This execution is {status}. {advice}"


class EffectWouldRepeat(EngineError):
    """`EffectWouldRepeat(paths)`: of steps whose effect happened and can't be repeated safely.

    `EffectWouldRepeat(paths, again)` also names steps of a changed workflow which could have it
    again, `*` for any iteration.
    """

    code = "effect_would_repeat"

    def __str__(self) -> str:
        paths, *more = self.args
        said = f"These steps did, or may have done, what can't be repeated: {_listed(paths)}."
        if not more:
            return (
                f"{said} Resume with repeat_effects to do it again, or in a mode that keeps them."
            )
        return (
            f"{said} The workflow has changed since, and what could do it again is "
            f"{_listed(more[0])}. Resume with repeat_effects to do it again, or give what was done "
            "its old id and place back."
        )


class ApprovalNotAllowed(EngineError):
    """`ApprovalNotAllowed(role)`: the role that may decide; "" when it needs any person."""

    code = "approval_not_allowed"

    def __str__(self) -> str:
        (role,) = self.args
        return (
            f"Only a person{f' with the role {role!r}' if role else ''} may decide this approval."
        )


class ApprovalClosed(EngineError):
    """`ApprovalClosed(reason)`: how it went, as the end of a sentence."""

    code = "approval_closed"

    def __str__(self) -> str:
        (reason,) = self.args
        return f"This approval waits for nobody any more: {reason}."


class WorkspaceInUse(EngineError):
    """`WorkspaceInUse(counts)`: runs that have not ended, as text: '1 running, 2 paused'."""

    code = "workspace_in_use"

    def __str__(self) -> str:
        (counts,) = self.args
        return f"Runs of this workspace have not ended ({counts}). Wait for them, or cancel them."


class StoreBusy(EngineError):
    """`StoreBusy(path, waited)` in seconds."""

    code = "store_busy"
    retryable = True

    def __str__(self) -> str:
        path, waited = self.args
        return (
            f"Another ask-copilot process is using {path} (waited {waited:g} s). "
            "Wait for it to finish, or use another --data folder."
        )


class UnserializableValue(EngineError):
    """`UnserializableValue(type_name, place)`."""

    code = "unserializable_value"

    def __str__(self) -> str:
        type_name, place = self.args
        return f"A value of type {type_name} at {place} can't be stored. Return plain data instead."


class RunTimeout(EngineError):
    """`RunTimeout(limit, step)`: seconds, and the title of the step it was at."""

    code = "run_timeout"

    @property
    def details(self) -> dict[str, Any]:
        """`limit`, and `name`: the title of the step."""
        limit, step = self.args
        return {"limit": limit, "name": step}

    def __str__(self) -> str:
        limit, step = self.args
        return f"The run took longer than {limit:g} s. It was at step {step!r}."


class RunCrashed(EngineError):
    """`RunCrashed(reason)`."""

    code = "run_crashed"

    def __str__(self) -> str:
        (reason,) = self.args
        return f"The run was given up: {reason}"


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")

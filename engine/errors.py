"""Everything the engine raises on purpose.

* EngineError
  + InvalidDefinition        a workflow that can't be run; lists every problem with its place
  + NotFound                 no such workflow, execution or resource in this workspace
  + AlreadyExists            there is a workflow with this id
  + StaleVersion             the definition or resource changed since the caller read it
  + PreconditionRequired     a replacement that does not say which version it replaces
  + RequestKeyReused         a request key that stands for something else already
  + InvalidCursor            a page marker that did not come from here
  + InvalidSchedule          a cron line that can't be read
  + WorkflowPaused           somebody paused this workflow: it starts no new runs
  + AlreadyRunning           the execution has live work
  + NotResumable             the execution is not in a state to resume from
  + StoreBusy                another process holds the database file
  + UnserializableValue      a value the codec does not know
  + RunTimeout               the whole run took longer than it may
  + RunCrashed               the run was given up outside every step
  + StepError                why a step failed; the closed classes that retries decide by
    - VariableNotFound         {{ step1.emails }} is not there
    - TemplateNotFound         no template of that name in the workspace
    - ResourceNotFound         no such file, sheet, named range, record or address
    - FieldNotFound            no such column or custom field
    - IntegrationNotConnected  the account is not connected
    - AuthFailed               credentials refused or expired
    - PermissionDenied         known, but not allowed
    - NetworkBlocked           an address the outbound guard does not allow
    - InvalidData              a value of the wrong form
    - InvalidParameters        the step's own settings are wrong
    - Conflict                 already there, locked, or changed meanwhile
    - QuotaExhausted           a daily or monthly allowance is used up
    - BudgetExceeded           a limit somebody set on cost, tokens, turns or time
    - TurnLimitReached         the agent used all its turns
    - InvalidModelOutput       the model's answer does not parse
    - RateLimited (retryable)  too many requests; may say when to come back
    - NetworkFailed (retryable)    DNS, refused, reset, TLS
    - StepTimeout (retryable)  the step's deadline passed
    - UpstreamFailed (retryable)   5xx or overloaded
    - AgentFailed (retryable)  the model side failed in a way it declares transient
    - ActionFailed             an action raised something of its own
"""

from typing import Any, ClassVar

JsonDict = dict[str, Any]


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

    def __str__(self) -> str:
        limit, step = self.args
        return f"The run took longer than {limit:g} s. It was at step {step!r}."


class RunCrashed(EngineError):
    """`RunCrashed(reason)`."""

    code = "run_crashed"

    def __str__(self) -> str:
        (reason,) = self.args
        return f"The run was given up: {reason}"


class StepError(EngineError):
    """Why a step failed: a message for people and facts beside it.

    `details` holds plain JSON: kind, name, available, limit, used, retry_after (seconds), status.
    """

    code = "step_failed"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details: JsonDict = details

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args[0], self.details))

    def __str__(self) -> str:
        return str(self.args[0])


def _rebuild(cls: type[StepError], message: str, details: JsonDict) -> StepError:
    return cls(message, **details)


class VariableNotFound(StepError):
    """A reference to an output or input that is not there; `name`, `near`."""

    code = "variable_not_found"


class TemplateNotFound(StepError):
    """`name`, `available`."""

    code = "template_not_found"


class ResourceNotFound(StepError):
    """`kind` (file, sheet, range, address, …), `name`, `available`."""

    code = "resource_not_found"


class FieldNotFound(StepError):
    """`name`, `available`."""

    code = "field_not_found"


class IntegrationNotConnected(StepError):
    """`name`."""

    code = "integration_not_connected"


class AuthFailed(StepError):
    code = "auth_failed"


class PermissionDenied(StepError):
    code = "permission_denied"


class NetworkBlocked(StepError):
    """The outbound guard refused the address."""

    code = "network_blocked"


class InvalidData(StepError):
    """`field`, `value`."""

    code = "invalid_data"


class InvalidParameters(StepError):
    """`parameter`."""

    code = "invalid_parameters"


class Conflict(StepError):
    code = "conflict"


class QuotaExhausted(StepError):
    """`limit`, `resets_at`."""

    code = "quota_exhausted"


class BudgetExceeded(StepError):
    """`limit`, `used`, `unit`, `set_by` (which budget, setting or default the limit is from).

    `resets_at` for the limit of a day.
    """

    code = "budget_exceeded"


class TurnLimitReached(StepError):
    """`limit`, `set_by`."""

    code = "turn_limit"


class InvalidModelOutput(StepError):
    code = "invalid_model_output"


class RateLimited(StepError):
    """`retry_after` in seconds, when the other side said so."""

    code = "rate_limited"
    retryable = True


class NetworkFailed(StepError):
    code = "network_failed"
    retryable = True


class StepTimeout(StepError):
    """`limit` in seconds."""

    code = "step_timeout"
    retryable = True


class UpstreamFailed(StepError):
    """`status`."""

    code = "upstream_failed"
    retryable = True


class AgentFailed(StepError):
    code = "agent_failed"
    retryable = True


class ActionFailed(StepError):
    """An action raised something that is not one of ours; the original class is in `details`."""

    code = "action_failed"

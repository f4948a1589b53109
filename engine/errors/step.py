"""Why a step failed: the closed classes that retries and statistics decide by."""

from typing import Any

from .refusals import EngineError

JsonDict = dict[str, Any]


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
    """`field`, `value`; `kind`: what is wrong with it (rows, size, file, comparison, shape, …)."""

    code = "invalid_data"


class InvalidParameters(StepError):
    """`parameter`; `kind`: model where none is configured, mail_server, reader."""

    code = "invalid_parameters"


class Conflict(StepError):
    code = "conflict"


class QuotaExhausted(StepError):
    """`limit`, `resets_at`; `kind`: left where some is, below where a step needs more than it ever
    is, stopped by the other side's word."""

    code = "quota_exhausted"


class BudgetExceeded(StepError):
    """`limit`, `used`, `unit`, `set_by` (which budget, setting or default the limit is from).

    `resets_at` for the limit of a day. For the limit of a run also, of what was used: `by_step`,
    which this step has, and `put_aside`, which steps have that a resume does again.
    """

    code = "budget_exceeded"


class TurnLimitReached(StepError):
    """`limit`, `set_by`."""

    code = "turn_limit"


class InvalidModelOutput(StepError):
    code = "invalid_model_output"


class ContextTooLong(StepError):
    """`model`, `runtime`."""

    code = "context_length"


class ContentFiltered(StepError):
    """`model`, `runtime`; `reason`: refusal or content_filter."""

    code = "content_filtered"


class ModelUnavailable(StepError):
    """`model`, `runtime`."""

    code = "model_unavailable"


class ValidationFailed(StepError):
    """`validators`: the names of those that refused the output."""

    code = "validation_failed"


class PluginFailed(StepError):
    """`plugin`; `kind`: refused, or unasked where it could not be asked."""

    code = "plugin_failed"


class MergeConflict(StepError):
    """`branches` (both), `key`: two parallel branches gave different values under one key."""

    code = "merge_conflict"


class LoopLimitReached(StepError):
    """`limit`: the loop was not done after `max_iterations`."""

    code = "loop_limit"


class ApprovalRejected(StepError):
    """`by`, `comment`: a person said no."""

    code = "approval_rejected"


class ApprovalExpired(StepError):
    """`expired_at`: nobody decided in time."""

    code = "approval_expired"


class StepStopped(StepError):
    """The step was under way when its run was cancelled, or when another branch failed: `branch`."""

    code = "step_stopped"


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

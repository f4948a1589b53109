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
  + EffectWouldRepeat        a resume would do again what can't be repeated, and nobody said so
  + ApprovalNotAllowed       a machine, or a person without the role, wants to decide
  + ApprovalClosed           the approval is decided, has expired, or its run went on
  + WorkspaceInUse           runs of the workspace have not ended: nothing is deleted
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
    - ContextTooLong           the prompt is longer than the model can read
    - ContentFiltered          the model refused, or a filter stopped prompt or answer
    - ModelUnavailable         the model is gone, or this account may not ask it
    - ValidationFailed         a validator refused the output
    - PluginFailed             a plugin refused the output, or could not be asked
    - MergeConflict            parallel branches gave different values under one key
    - LoopLimitReached         a loop was not done after its max_iterations
    - ApprovalRejected         a person said no
    - ApprovalExpired          nobody decided in time
    - StepStopped              another branch failed, and this one was to stop
    - RateLimited (retryable)  too many requests; may say when to come back
    - NetworkFailed (retryable)    DNS, refused, reset, TLS
    - StepTimeout (retryable)  the step's deadline passed
    - UpstreamFailed (retryable)   5xx or overloaded
    - AgentFailed (retryable)  the model side failed in a way it declares transient
    - ActionFailed             an action raised something of its own
"""

from .refusals import (
    AlreadyExists,
    AlreadyRunning,
    ApprovalClosed,
    ApprovalNotAllowed,
    EffectWouldRepeat,
    EngineError,
    InvalidCursor,
    InvalidDefinition,
    InvalidSchedule,
    NotFound,
    NotResumable,
    PreconditionRequired,
    RequestKeyReused,
    RunCrashed,
    RunTimeout,
    StaleVersion,
    StoreBusy,
    UnserializableValue,
    WorkflowPaused,
    WorkspaceInUse,
)
from .step import (
    ActionFailed,
    AgentFailed,
    ApprovalExpired,
    ApprovalRejected,
    AuthFailed,
    BudgetExceeded,
    Conflict,
    ContentFiltered,
    ContextTooLong,
    FieldNotFound,
    IntegrationNotConnected,
    InvalidData,
    InvalidModelOutput,
    InvalidParameters,
    LoopLimitReached,
    MergeConflict,
    ModelUnavailable,
    NetworkBlocked,
    NetworkFailed,
    PermissionDenied,
    PluginFailed,
    QuotaExhausted,
    RateLimited,
    ResourceNotFound,
    StepError,
    StepStopped,
    StepTimeout,
    TemplateNotFound,
    TurnLimitReached,
    UpstreamFailed,
    ValidationFailed,
    VariableNotFound,
)

_ALL: tuple[type[EngineError], ...] = (
    ActionFailed,
    AgentFailed,
    AlreadyExists,
    AlreadyRunning,
    ApprovalClosed,
    ApprovalExpired,
    ApprovalNotAllowed,
    ApprovalRejected,
    AuthFailed,
    BudgetExceeded,
    Conflict,
    ContentFiltered,
    ContextTooLong,
    EffectWouldRepeat,
    EngineError,
    FieldNotFound,
    IntegrationNotConnected,
    InvalidCursor,
    InvalidData,
    InvalidDefinition,
    InvalidModelOutput,
    InvalidParameters,
    InvalidSchedule,
    LoopLimitReached,
    MergeConflict,
    ModelUnavailable,
    NetworkBlocked,
    NetworkFailed,
    NotFound,
    NotResumable,
    PermissionDenied,
    PluginFailed,
    PreconditionRequired,
    QuotaExhausted,
    RateLimited,
    RequestKeyReused,
    ResourceNotFound,
    RunCrashed,
    RunTimeout,
    StaleVersion,
    StepError,
    StepStopped,
    StepTimeout,
    StoreBusy,
    TemplateNotFound,
    TurnLimitReached,
    UnserializableValue,
    UpstreamFailed,
    ValidationFailed,
    VariableNotFound,
    WorkflowPaused,
    WorkspaceInUse,
)
for _one in _ALL:
    _one.__module__ = __name__  # the dotted name is stored and published

__all__ = [
    "ActionFailed",
    "AgentFailed",
    "AlreadyExists",
    "AlreadyRunning",
    "ApprovalClosed",
    "ApprovalExpired",
    "ApprovalNotAllowed",
    "ApprovalRejected",
    "AuthFailed",
    "BudgetExceeded",
    "Conflict",
    "ContentFiltered",
    "ContextTooLong",
    "EffectWouldRepeat",
    "EngineError",
    "FieldNotFound",
    "IntegrationNotConnected",
    "InvalidCursor",
    "InvalidData",
    "InvalidDefinition",
    "InvalidModelOutput",
    "InvalidParameters",
    "InvalidSchedule",
    "LoopLimitReached",
    "MergeConflict",
    "ModelUnavailable",
    "NetworkBlocked",
    "NetworkFailed",
    "NotFound",
    "NotResumable",
    "PermissionDenied",
    "PluginFailed",
    "PreconditionRequired",
    "QuotaExhausted",
    "RateLimited",
    "RequestKeyReused",
    "ResourceNotFound",
    "RunCrashed",
    "RunTimeout",
    "StaleVersion",
    "StepError",
    "StepStopped",
    "StepTimeout",
    "StoreBusy",
    "TemplateNotFound",
    "TurnLimitReached",
    "UnserializableValue",
    "UpstreamFailed",
    "ValidationFailed",
    "VariableNotFound",
    "WorkflowPaused",
    "WorkspaceInUse",
]

"""The nouns of the copilot, in the order in which they appear: run, diagnosis, report, change."""

from .change import Approval, Change, ChangeState, Outcome, OutcomeState, Preview, Reversal
from .diagnosis import (
    Alternative,
    Diagnosis,
    Entity,
    Evidence,
    FixHint,
    Normalized,
    RootCause,
    Verdict,
)
from .frozen import Frozen, Text, storable
from .report import (
    Action,
    CreditStatement,
    FailedStep,
    Failure,
    FollowingStep,
    GreenRun,
    Pattern,
    Receipt,
    Report,
    SuggestedFix,
)
from .run import ErrorRecord, RunRecord, RunStatus, StepRecord, StepStatus

__all__ = [
    "Action",
    "Alternative",
    "Approval",
    "Change",
    "ChangeState",
    "CreditStatement",
    "Diagnosis",
    "Entity",
    "ErrorRecord",
    "Evidence",
    "FailedStep",
    "Failure",
    "FixHint",
    "FollowingStep",
    "Frozen",
    "GreenRun",
    "Normalized",
    "Outcome",
    "OutcomeState",
    "Pattern",
    "Preview",
    "Receipt",
    "Report",
    "Reversal",
    "RootCause",
    "RunRecord",
    "RunStatus",
    "StepRecord",
    "StepStatus",
    "SuggestedFix",
    "Text",
    "Verdict",
    "storable",
]

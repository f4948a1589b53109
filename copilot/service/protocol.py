"""The use cases, as every surface calls them: for one principal, here or over HTTP.

`local.py` carries them out in this process, `copilot.remote` asks a server. What belongs to another
workspace raises NotFound, exactly like what does not exist; what the role may not, Forbidden.
A service may be bound to a request key: then a use case that changes something does so once, however
often it is called with that key, also after a crash.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from ..types import Approval, Change, CreditStatement, Outcome, Preview
from ..types.account import ApiKey, AuditEntry, NewApiKey, ReceiptEntry, RuntimeInfo, SettingValue
from ..types.audit import AuditHead, AuditVerification
from ..types.change import Recheck, Reversal
from ..types.engine import (
    Decision,
    Execution,
    ExecutionPage,
    ExecutionStatus,
    Hints,
    Progress,
    ResourceKind,
    ResumeMode,
    ResumeOptions,
    RunEvent,
    StepApproval,
    StepExecution,
    StoredResource,
    Tiles,
    WorkflowRecord,
    WorkflowVersionSummary,
)
from ..types.knowledge import OwnEntry
from ..types.nightly import Digest
from ..types.page import Page
from ..types.principal import Principal, PrincipalKind, Role
from .analysis_protocol import Analyses
from .group_protocol import Groups
from .handoff_protocol import HandOffs
from .learning_protocol import Learning
from .notice_protocol import Notices
from .optimizer_protocol import Optimizer
from .pattern_protocol import Patterns
from .standing_protocol import Standing
from .timing_protocol import Quotas, Schedules

Definition = str | Mapping[str, Any]


class Workflows(Protocol):
    """Definitions by version. `definition` is plain data, or YAML or JSON text."""

    def list(self) -> Sequence[WorkflowRecord]:
        """The newest version of each."""
        ...

    def get(self, workflow_id: str, version: int | None = None) -> WorkflowRecord: ...

    def versions(self, workflow_id: str) -> Sequence[WorkflowVersionSummary]: ...

    def create(
        self, definition: Definition, *, workflow_id: str | None = None
    ) -> WorkflowRecord: ...

    def replace(
        self, workflow_id: str, definition: Definition, *, expected_version: int
    ) -> WorkflowRecord: ...

    def pause(self, workflow_id: str, *, reason: str = "") -> WorkflowRecord:
        """Start no new run of it; what runs goes on."""
        ...

    def unpause(self, workflow_id: str) -> WorkflowRecord: ...

    def hints(self, workflow_id: str) -> Hints:
        """What earlier runs suggest for it."""
        ...


class Executions(Protocol):
    def start(
        self,
        workflow_id: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        test_mode: bool = False,
        timeout_seconds: float | None = None,
        priority: int | None = None,
    ) -> Execution: ...

    def list(
        self,
        *,
        workflow_id: str | None = None,
        status: ExecutionStatus | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ExecutionPage:
        """The newest first, without outputs."""
        ...

    def get(self, execution_id: str) -> Execution: ...

    def steps(self, execution_id: str, *, outputs: bool = True) -> Sequence[StepExecution]: ...

    def progress(self, execution_id: str) -> Progress: ...

    def wait(self, execution_id: str, timeout: float) -> Execution:
        """The run when it has ended or is paused, or as it is after *timeout* seconds."""
        ...

    def cancel(self, execution_id: str) -> Execution: ...

    def resume(
        self, execution_id: str, *, mode: ResumeMode = "full", repeat_effects: bool = False
    ) -> Execution:
        """The next round. Raises EffectWouldRepeat without *repeat_effects*."""
        ...

    def resume_options(self, execution_id: str) -> ResumeOptions:
        """What each way to resume keeps and takes, or why it is not possible. Does nothing."""
        ...

    def waiting(self) -> Sequence[StepApproval]:
        """The approvals of every run that wait for a person, the oldest first."""
        ...

    def approvals(self, execution_id: str) -> Sequence[StepApproval]: ...

    def decide(
        self, execution_id: str, path: str, *, decision: Decision, comment: str = ""
    ) -> Execution:
        """Decide the approval at *path*; the run goes on.

        Raises ApprovalNotAllowed for machines, and for people without the role that the step names;
        ApprovalClosed.
        """
        ...


class Resources(Protocol):
    """Templates, custom fields, integrations and documents of the workspace."""

    def list(self, kind: ResourceKind | None = None) -> Sequence[StoredResource]: ...

    def get(self, kind: ResourceKind, name: str) -> StoredResource: ...

    def put(
        self,
        kind: ResourceKind,
        name: str,
        content: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> StoredResource: ...

    def delete(
        self, kind: ResourceKind, name: str, *, expected_version: int | None = None
    ) -> None: ...


class Events(Protocol):
    """What happens in a run."""

    def follow(self, execution_id: str, *, after: int = 0) -> Iterator[RunEvent]:
        """From behind number *after* on, what is stored of it, until the run has ended.

        Each event once and in order, as it happens; a paused run is waited for. What is only told
        live, such as partial texts, is not among them: `live` has it.
        """
        ...

    def live(self, execution_id: str) -> Tiles:
        """Tokens, cost, what it is doing and how long it takes, as of now."""
        ...


class Fixes(Protocol):
    def preview(self, fix_id: str, *, dry_run: bool = False) -> Preview:
        """What the fix would change in the workflow as it is now. Raises InvalidFix.

        With *dry_run* the step that failed is tried with it, where that has no effect outside.
        """
        ...

    def approve(self, fix_id: str, *, digest: str, version: int) -> Approval:
        """Let exactly this diff be applied once. Raises StaleBase with the fresh diff.

        Of a type that takes two people the first one's approval is pending; the second one's
        completes it, and is the same.
        """
        ...

    def waiting(self) -> Sequence[Approval]:
        """Approvals that wait for a second person, the oldest first."""
        ...

    def apply(self, approval_id: str) -> Change: ...

    def undo(self, change_id: str) -> Reversal: ...

    def revert(self, change_id: str) -> Reversal: ...

    def changes(self, workflow_id: str) -> Sequence[Change]: ...

    def outcome(self, change_id: str) -> Outcome: ...

    def recheck(self, fix_id: str) -> Recheck:
        """Whether what a person was to do elsewhere is done. Raises InvalidFix for other fixes."""
        ...


class Knowledge(Protocol):
    """Entries of the knowledge base that the workspace has written itself."""

    def list(self) -> Sequence[OwnEntry]: ...

    def get(self, entry_id: str) -> OwnEntry: ...

    def put(self, entry_id: str, content: str) -> OwnEntry:
        """Store the YAML of an entry; with a shipped id it takes that one's place.

        Raises InvalidInput naming the field, also when one of its own examples does not hold.
        """
        ...

    def remove(self, entry_id: str) -> None: ...


class Account(Protocol):
    """The workspace itself: credits, settings, keys, and who did what."""

    def credits(self) -> CreditStatement: ...

    def receipts(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReceiptEntry]: ...

    def grant(self, credits: int, *, key: str | None = None) -> int:
        """Add credits, once per *key*; gives the balance."""
        ...

    def settings(self) -> Sequence[SettingValue]: ...

    def set_settings(self, values: Mapping[str, Any]) -> Sequence[SettingValue]:
        """Change all of *values* or none. Raises InvalidInput with the bounds, and Forbidden."""
        ...

    def keys(self) -> Sequence[ApiKey]: ...

    def create_key(
        self,
        name: str,
        *,
        kind: PrincipalKind,
        role: Role,
        expires_at: datetime | None = None,
        replaces: str | None = None,
    ) -> NewApiKey:
        """A key for a new principal; with *replaces*, a key id, a second one for the same."""
        ...

    def revoke_key(self, key_id: str) -> ApiKey: ...

    def audit(self, *, cursor: str | None = None, limit: int = 50) -> Page[AuditEntry]: ...

    def audit_head(self) -> AuditHead:
        """Where the audit ends now: kept elsewhere, `verify_audit` holds the audit against it."""
        ...

    def verify_audit(self, *, head: AuditHead | None = None) -> AuditVerification:
        """Whether every entry is as it was written, and *head* is one of them.

        Raises InvalidInput for the head of another workspace.
        """
        ...

    def runtimes(self) -> Sequence[RuntimeInfo]: ...


class Nights(Protocol):
    def run(self, *, credit_cap: int | None = None, spend_cap_usd: Decimal | None = None) -> Digest:
        """Analyse what failed since the last pass; goes on with a pass that was interrupted."""
        ...

    def latest(self) -> Digest:
        """The newest digest. Raises NotFound before the first pass."""
        ...


class Service(Protocol):
    @property
    def principal(self) -> Principal: ...

    @property
    def workflows(self) -> Workflows: ...

    @property
    def executions(self) -> Executions: ...

    @property
    def resources(self) -> Resources: ...

    @property
    def events(self) -> Events: ...

    @property
    def quotas(self) -> Quotas: ...

    @property
    def schedules(self) -> Schedules: ...

    @property
    def analyses(self) -> Analyses: ...

    @property
    def groups(self) -> Groups: ...

    @property
    def fixes(self) -> Fixes: ...

    @property
    def knowledge(self) -> Knowledge: ...

    @property
    def account(self) -> Account: ...

    @property
    def handoffs(self) -> HandOffs: ...

    @property
    def nights(self) -> Nights: ...

    @property
    def notices(self) -> Notices: ...

    @property
    def learning(self) -> Learning: ...

    @property
    def patterns(self) -> Patterns: ...

    @property
    def optimizer(self) -> Optimizer: ...

    @property
    def standing(self) -> Standing: ...

"""The product's own way from an answer to a changed workflow, with a person who approves everything."""

from collections import Counter
from collections.abc import Callable

from pydantic import JsonValue
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from copilot.errors import ApprovalRefused, CopilotError, InvalidFix, StaleBase
from copilot.fixes import Change, type_of
from copilot.pipeline.apply import Applier
from copilot.pipeline.preview import preview, unified_diff
from copilot.pipeline.propose import judge, read
from copilot.pipeline.validate import validate
from copilot.policy import Policy
from copilot.routing import Refused
from copilot.snapshot import Snapshot
from copilot.storage.analyses import FinishedAnalysis, FixDraft, ReuseKey
from copilot.storage.store import Store
from copilot.testing import ManualClock, MemoryTarget
from copilot.types import (
    Approval,
    Diagnosis,
    FailedStep,
    Failure,
    Pattern,
    Preview,
    Receipt,
    Report,
    RootCause,
    Verdict,
)

from . import scene
from .oracle import alive, violations

OTHER = "globex"
_FIX_ID = "fix-1"
CREDITS = 100


class Chain:
    """Takes answers, applies every fix in them that the product lets through, and keeps count.

    parsed, refused: answers. in_words, rejected: fixes that could not be read, or not be
    validated. applied: by type. denied: attempts to go round an approval, by kind, that failed.
    broken: what an applied fix did that may never happen.
    """

    def __init__(self) -> None:
        self.parsed = 0
        self.refused = 0
        self.in_words = 0
        self.rejected: Counter[str] = Counter()
        self.applied: Counter[str] = Counter()
        self.denied: Counter[str] = Counter()
        self.broken: list[str] = []
        self._clock = ManualClock()
        self._store = _store(self._clock)
        self._prompt = scene.prompt()
        self._run = scene.run()
        self._base = scene.snapshot()
        self._others = (scene.snapshot(OTHER), scene.snapshot(scene.WORKSPACE, "payroll"))
        self._untouched = (
            self._base.model_dump_json(),
            *(one.model_dump_json() for one in self._others),
        )

    def take(self, answer: str) -> None:
        """One answer, all the way."""
        try:
            proposal = read(answer, self._prompt)
        except Refused:
            self.refused += 1
            return
        self.parsed += 1
        self.in_words += proposal.unread_fixes
        judged = judge(proposal, RULES, self._run, self._prompt)
        for text in (
            judged.explanation,
            *judged.collect,
            *(one.description for one in judged.fixes),
        ):
            self.broken += [f"shown: {one}: {text!r}" for one in alive(text)]
        fixes = [one.fix for one in judged.fixes if one.fix is not None]
        for number, fix in enumerate(fixes):
            self._apply(fix, fixes[number - 1])
        if (self._base.model_dump_json(), *(one.model_dump_json() for one in self._others)) != (
            self._untouched
        ):
            self.broken.append("a snapshot was edited in place")

    def _apply(self, fix: Change, another: Change) -> None:
        target = MemoryTarget(self._base, *self._others)
        applier = self._applier(target)
        propose = _proposing(fix)
        try:
            shown, _ = propose(self._base)
        except InvalidFix:
            self.rejected[type_of(fix)] += 1
            return
        self._go_round(applier, target, shown, fix, another)
        approval = _approve(applier, shown)
        _make(applier, approval.approval_id, propose)
        self.applied[type_of(fix)] += 1
        self._look(target, fix)
        self._deny("used already", lambda: _make(applier, approval.approval_id, propose))

    def _look(self, target: MemoryTarget, fix: Change) -> None:
        after = target.snapshot(scene.WORKSPACE, scene.WORKFLOW)
        found = violations(self._base, after)
        for other in self._others:
            if target.versions(other.workspace_id, other.workflow_id) != [other]:
                found.append("another workflow was changed")
        if self._store.ledger.balance(scene.WORKSPACE) != CREDITS:
            found.append("credits moved")
        self.broken += [f"{type_of(fix)}: {one}: {fix!r}" for one in found]

    def _go_round(
        self, applier: Applier, target: MemoryTarget, shown: Preview, fix: Change, another: Change
    ) -> None:
        """One of the ways round an approval, another one each time; none may work."""
        propose = _proposing(fix)
        match sum(self.applied.values()) % 5:
            case 0:
                self._deny("no approval", lambda: _make(applier, "approval-nobody-gave", propose))
            case 1:
                approval = _approve(applier, shown)
                self._deny(
                    "another workspace's",
                    lambda: _make(applier, approval.approval_id, propose, workspace_id=OTHER),
                )
            case 2:
                moved = MemoryTarget(self._base)
                approval = _approve(applier, shown)
                notes: JsonValue = {"notes": "moved"}
                moved.edit(
                    scene.WORKSPACE,
                    scene.WORKFLOW,
                    definition={**self._base.definition, "memory": notes},
                )
                late = self._applier(moved)
                self._deny("moved base", lambda: _make(late, approval.approval_id, propose))
            case 3:
                self._deny("a machine's", lambda: _approve(applier, shown, kind="machine"))
            case _ if another != fix:
                approval = _approve(applier, shown)
                self._deny(
                    "another fix's",
                    lambda: _make(applier, approval.approval_id, _proposing(another)),
                )
            case _:
                pass
        if len(target.versions(scene.WORKSPACE, scene.WORKFLOW)) != 1:
            self.broken.append("something was applied without its approval")

    def _deny(self, how: str, attempt: Callable[[], object]) -> None:
        try:
            attempt()
        except (ApprovalRefused, StaleBase, InvalidFix):
            self.denied[how] += 1
        except CopilotError as error:
            self.broken.append(f"{how}: {type(error).__name__}")
        else:
            self.broken.append(f"{how}: it worked")

    def _applier(self, target: MemoryTarget) -> Applier:
        return Applier(
            self._store.approvals,
            self._store.changes,
            target,
            diff=unified_diff,
            policy=lambda _workspace_id: Policy(),
            clock=self._clock,
        )


def _proposing(fix: Change) -> Callable[[Snapshot], tuple[Preview, Snapshot]]:
    """As the product does it. The engine's own check is left out: it could only refuse more."""

    def propose(base: Snapshot) -> tuple[Preview, Snapshot]:
        validate(fix, base, problems=lambda _: (), policy=scene.ALLOWED)
        return preview(fix, fix_id=_FIX_ID, base=base)

    return propose


def _approve(applier: Applier, shown: Preview, *, kind: str = "person") -> Approval:
    return applier.approve(
        shown,
        workspace_id=scene.WORKSPACE,
        seen_digest=shown.digest,
        seen_version=shown.base_version,
        actor="ana",
        actor_kind="person" if kind == "person" else "machine",
    )


def _make(
    applier: Applier,
    approval_id: str,
    propose: Callable[[Snapshot], tuple[Preview, Snapshot]],
    *,
    workspace_id: str = scene.WORKSPACE,
) -> object:
    return applier.apply(
        approval_id, workspace_id=workspace_id, workflow_id=scene.WORKFLOW, propose=propose
    )


RULES = Diagnosis(
    root_cause=RootCause.MISSING_TEMPLATE,
    verdict=Verdict.LIKELY,
    explanation="The template 'Outbound v3' does not exist.",
)


def _store(clock: ManualClock) -> Store:
    store = Store.open(_memory(), clock=clock)
    store.ledger.grant(scene.WORKSPACE, "start", credits=CREDITS, reason="for the test")
    store.ledger.reserve(scene.WORKSPACE, "analysis", price=1)
    error = scene.run().steps[1].error
    assert error is not None
    failure = Failure(
        workspace_id=scene.WORKSPACE,
        workflow_id=scene.WORKFLOW,
        workflow_version=7,
        execution_id="run-1",
        test_mode=False,
        step_path="/fill",
        step_number=5,
        action="render_template",
        error=error,
        occurred_at=clock(),
        signature="n1:template",
        key="template <*> not found",
        label="Template not found",
    )
    store.analyses.finish(
        FinishedAnalysis(
            idempotency_key="analysis",
            failure=failure,
            report=_report(failure),
            reuse=ReuseKey(scene.WORKSPACE, scene.WORKFLOW, 7, "/fill", "n1:template", (), "c"),
            fixes=[FixDraft(fix_id=_FIX_ID, fix_type="any", fix={})],
            credits=0,
            reason="for nothing",
        )
    )
    return store


def _report(failure: Failure) -> Report:
    return Report(
        analysis_id="analysis-1",
        execution_id=failure.execution_id,
        workflow_id=failure.workflow_id,
        headline="It failed",
        explanation=RULES.explanation,
        root_cause=RULES.root_cause,
        verdict=RULES.verdict,
        evidence=(),
        failed_step=FailedStep(
            step_number=5, action="render_template", error="x", timestamp=failure.occurred_at
        ),
        suggested_fixes=(),
        can_auto_fix=True,
        pattern_detected=Pattern(is_pattern=False, error_message="x", failure_count=1, window=1),
        signature=failure.signature,
        label=failure.label,
        created_at=failure.occurred_at,
        receipt=Receipt(credits=0, balance=None, reason="for nothing"),
    )


def _memory() -> Engine:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection, _record) -> None:  # pyright: ignore[reportUnusedFunction, reportMissingParameterType, reportUnknownParameterType]
        connection.isolation_level = "IMMEDIATE"  # pyright: ignore[reportUnknownMemberType]
        connection.execute("PRAGMA foreign_keys = ON")  # pyright: ignore[reportUnknownMemberType]

    return engine

"""Suggestions about a definition before it runs, with fixes to apply, and their dismissal."""

from collections.abc import Mapping
from typing import Any, Literal

from ..errors import NotFound
from ..fixes import Change, type_of
from ..optimize import (
    Draft,
    Experience,
    FailureNearby,
    Remedy,
    drafts_for,
    forecast,
    is_grown,
    remedy_for,
)
from ..pipeline.preview import preview
from ..pipeline.validate import validate
from ..snapshot import Snapshot
from ..types.outlook import Outlook
from ..types.principal import Scope
from ..types.suggestion import (
    Suggestion,
    SuggestionDismissal,
    SuggestionEvidence,
    SuggestionKind,
    Suggestions,
)
from .caller import Caller
from .parts import Parts
from .pattern_view import PatternView
from .reasons import checked_reason

#: Repeated failures of the workspace that are looked through for workflows with the same shape.
MOST_LOOKED_AT = 50
#: What a definition without a workflow is called in a snapshot.
UNSTORED = "unstored"


class LocalOptimizer:
    """Implements `Optimizer`."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._view = PatternView(parts.store, parts.analyzer, parts.policies.of)

    def optimize(
        self, definition: str | Mapping[str, Any], *, workflow_id: str | None = None
    ) -> Suggestions:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        if workflow_id is not None:
            self._parts.target.snapshot(workspace_id, workflow_id)  # NotFound for an unknown one
        outlook = self._parts.outlooks.of(workspace_id, definition, workflow_id=workflow_id)
        base = Snapshot(
            workspace_id=workspace_id,
            workflow_id=workflow_id or UNSTORED,
            version=1,
            definition=outlook.definition,
        )
        return self._told(outlook, base, workflow_id=workflow_id, is_stored=False)

    def suggestions(self, workflow_id: str) -> Suggestions:
        self._caller.require(Scope.READ)
        workspace_id = self._caller.workspace_id
        base = self._parts.target.snapshot(workspace_id, workflow_id)
        outlook = self._parts.outlooks.of_stored(workspace_id, workflow_id)
        return self._told(outlook, base, workflow_id=workflow_id, is_stored=True)

    def dismiss(
        self, workflow_id: str, suggestion_id: str, *, reason: str = ""
    ) -> SuggestionDismissal:
        self._caller.require(Scope.APPROVE)  # it hides a warning: no machine is talked into it
        said = checked_reason(reason)
        outlook = self._parts.outlooks.of_stored(self._caller.workspace_id, workflow_id)
        found = self._drafts(outlook, workflow_id).get(suggestion_id)
        if found is None:
            raise NotFound("suggestion")
        done = self._parts.store.suggestions.dismiss(
            self._caller.principal,
            workflow_id,
            suggestion_id,
            kind=found.kind,
            weight=found.weight,
            reason=said,
        )
        self._caller.record(
            "dismiss_suggestion", workflow_id, suggestion=suggestion_id, reason=said
        )
        return done

    def _told(
        self, outlook: Outlook, base: Snapshot, *, workflow_id: str | None, is_stored: bool
    ) -> Suggestions:
        drafts = self._drafts(outlook, workflow_id)
        dismissed: Mapping[str, float] = {}
        if workflow_id is not None:
            dismissed = self._parts.store.suggestions.dismissed(base.workspace_id, workflow_id)
        shown = {
            own_id: draft
            for own_id, draft in drafts.items()
            if own_id not in dismissed or is_grown(draft, dismissed[own_id])
        }
        return Suggestions(
            workflow_id=workflow_id,
            version=base.version if is_stored else None,
            suggestions=tuple(
                self._suggestion(own_id, draft, base, is_stored=is_stored)
                for own_id, draft in shown.items()
            ),
            dismissed=len(drafts) - len(shown),
            budget=forecast(outlook),
            similar_runs=outlook.hints.runs,
            runs_needed=outlook.hints.runs_needed,
            note=outlook.hints.note,
        )

    def _drafts(self, outlook: Outlook, workflow_id: str | None) -> dict[str, Draft]:
        """By their ids, the most pressing first."""
        self._parts.intake.catch_up(self._caller.workspace_id)
        drafts = drafts_for(outlook, self._experience(outlook, workflow_id))
        return {draft.id_in(self._caller.workspace_id, workflow_id): draft for draft in drafts}

    def _experience(self, outlook: Outlook, workflow_id: str | None) -> Experience:
        workspace_id = self._caller.workspace_id
        own = () if workflow_id is None else self._view.of_workflow(workspace_id, workflow_id)
        reachable: dict[str, Literal["runtime", "model"]] = {}
        for one in self._parts.runtimes(workspace_id) if outlook.hints.runtime else ():
            if one.available:
                reachable |= dict.fromkeys(one.models, "model")
                reachable[one.name] = "runtime"
        return Experience(
            groups=own, nearby=self._nearby(outlook, workflow_id), reachable=reachable
        )

    def _nearby(self, outlook: Outlook, workflow_id: str | None) -> tuple[FailureNearby, ...]:
        """Repeated failures of other workflows that are put together the same way."""
        workspace_id, store = self._caller.workspace_id, self._parts.store
        patterns = store.patterns.newest(workspace_id, resolved=False, limit=MOST_LOOKED_AT)
        others = {one.workflow_id for one in patterns} - {workflow_id}
        own = (outlook.hints.pattern, outlook.hints.step_count)
        alike = {one for one in others if self._parts.outlooks.shape(workspace_id, one) == own}
        found = [one for one in patterns if one.workflow_id in alike]
        roots = store.failures.roots(workspace_id, [one.signature for one in found])
        return tuple(
            FailureNearby(one.workflow_id, roots[one.signature], one.label, one.failures)
            for one in found
        )

    def _suggestion(
        self, own_id: str, draft: Draft, base: Snapshot, *, is_stored: bool
    ) -> Suggestion:
        remedy = remedy_for(draft, base, self._check)
        told = Suggestion(
            suggestion_id=own_id,
            kind=draft.kind,
            code=draft.code,
            severity=draft.severity,
            title=draft.title,
            evidence=draft.evidence,
            steps=draft.steps,
            advice=draft.advice,
        )
        if remedy is None:
            return told
        facts: dict[str, Any] = {
            "fix_type": type_of(remedy.fix),
            "summary": remedy.fix.summary(base),
            "evidence": (*draft.evidence, *self._saved(draft, base, remedy)),
        }
        if is_stored:
            facts |= self._stored(draft, base, remedy)
        else:
            facts["changed"] = remedy.changed.definition
        return told.model_copy(update=facts)

    def _check(self, fix: Change, base: Snapshot) -> Snapshot:
        """As every fix is checked that is to be previewed, approved or applied."""
        policy = self._parts.fix_policy(base.workspace_id)
        return validate(fix, base, problems=self._parts.checker.problems, policy=policy)

    def _stored(self, draft: Draft, base: Snapshot, remedy: Remedy) -> dict[str, Any]:
        fix_id = self._parts.store.suggestions.keep(
            base.workspace_id, base.workflow_id, draft.kind, remedy.fix.model_dump(mode="json")
        )
        shown, _changed = preview(remedy.fix, fix_id=fix_id, base=base)
        return {"fix_id": fix_id, "preview": shown}

    def _saved(
        self, draft: Draft, base: Snapshot, remedy: Remedy
    ) -> tuple[SuggestionEvidence, ...]:
        """What a run reads less, by both definitions alone."""
        if draft.kind is not SuggestionKind.DOCUMENTS:
            return ()
        before, after = (
            self._parts.outlooks.of(base.workspace_id, one.definition)
            for one in (base, remedy.changed)
        )
        saved = before.least_tokens - after.least_tokens
        if saved <= 0:
            return ()
        text = f"A run reads about {saved:,} tokens less: {after.least_tokens:,} instead of {before.least_tokens:,} at least."
        return (SuggestionEvidence(source="estimate", text=text),)

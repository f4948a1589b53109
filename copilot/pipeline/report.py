"""From findings to the report: every text made fit to be shown, every fix with its button."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import knowledge_base
from knowledge_base import Entry, KnowledgeBase, Wording, notation

from ..fixes import Action, Change, Fix, type_of
from ..learning import NO_LESSONS, Lessons
from ..names import candidates
from ..ports import WorkspaceContext
from ..snapshot import Snapshot, Standing
from ..storage.database import new_id
from ..types import (
    Diagnosis,
    ErrorRecord,
    FailedStep,
    Failure,
    FixHint,
    Pattern,
    Preview,
    Receipt,
    Report,
    SuggestedFix,
)
from ..types.message import MessageParts, place
from .context import available_templates, integration_status
from .sanitize import one_line, sanitize
from .validate import ANY_FIX, FixPolicy

_NO_CONTEXT = WorkspaceContext()
_HEADLINE = 300
_LONGEST = 20_000
_BARE_NAME = re.compile(r"[\"'(]{0,2}[\w.@-]{1,80}[\"'),]{0,3}")
#: The engine's "Did you mean …?" at the end of an error.
GUESS = re.compile(r"\.? Did you mean [^?]{1,500}\?$")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around a run; a source without our engine's workspace has none of it.

    allowed: what fixes may do there. standing: how things stand for an action.
    lessons: what was learned there about such fixes.
    """

    snapshot: Snapshot | None = None
    context: WorkspaceContext = _NO_CONTEXT
    output_names: Mapping[str, Sequence[str]] | None = None
    allowed: FixPolicy = ANY_FIX
    standing: Standing | None = None
    lessons: Lessons = NO_LESSONS

    @property
    def digest(self) -> str:
        """Equal when nothing around the failure has changed."""
        content = [
            self.snapshot.content_digest if self.snapshot else None,
            self.context.model_dump(mode="json"),
            {step: list(names) for step, names in (self.output_names or {}).items()},
            self.allowed.as_data,
            self.lessons.as_data,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Offer:
    """A remedy in words and, where the facts allow, as a fix with its exact diff.

    With a preview and no fix it is for reading only. only_by_model: that the rules do not come to
    it; None where no model has answered.
    """

    hint: FixHint
    fix: Fix | None = None
    fix_id: str | None = None
    preview: Preview | None = None
    failed_before: int = 0
    only_by_model: bool | None = None


def compose(
    failure: Failure,
    diagnosis: Diagnosis,
    *,
    pattern: Pattern,
    around: Surroundings,
    offers: Sequence[Offer],
    now: datetime,
    knowledge: KnowledgeBase | None = None,
    auto_resume_at: datetime | None = None,
    pause_fix_id: str | None = None,
) -> Report:
    """The report before it has a price.

    knowledge: where the words of its message come from; None: what is shipped. auto_resume_at:
    when a timer that is really set resumes the run. pause_fix_id: the fix that pauses the workflow.
    """
    fixes = tuple(suggested(offer) for offer in offers)
    telling = _Telling(failure, diagnosis, around, offers, knowledge or knowledge_base.load())
    hidden = sanitize(failure.error.message).hidden + sanitize(failure.error.traceback or "").hidden
    return Report(
        hidden_characters=hidden,
        analysis_id=new_id("analysis"),
        execution_id=failure.execution_id,
        workflow_id=failure.workflow_id,
        headline=headline(failure, waits=auto_resume_at is not None),
        explanation=sanitize(telling.explanation).text,
        root_cause=diagnosis.root_cause,
        verdict=diagnosis.verdict,
        evidence=tuple(
            one.model_copy(update={"text": one_line(one.text)}) for one in diagnosis.evidence
        ),
        failed_step=failed_step(failure),
        suggested_fixes=fixes,
        can_auto_fix=any(fix.auto_fix_available for fix in fixes),
        pattern_detected=pattern,
        available_templates=available_templates(around.context),
        integration_status=integration_status(around.context),
        retry_helps=diagnosis.retry_helps,
        own_entry=diagnosis.entry if diagnosis.entry in telling.knowledge.own else None,
        signature=failure.signature,
        label=one_line(failure.label),
        later_failures=failure.later_failures,
        created_at=now,
        receipt=Receipt(credits=0, balance=None, reason=""),
        parts=telling.parts(),
        can_pause=around.snapshot is not None,
        pause_fix_id=pause_fix_id,
        auto_resume_at=auto_resume_at,
    )


def headline(failure: Failure, *, waits: bool) -> str:
    """In one line what happened where. waits: the run goes on by itself."""
    words = one_line(_said(failure.error), limit=_HEADLINE) or "no error text"
    where = place(failure.step_number, failure.step_path) or "The run"
    return f"{where} {'waits' if waits else 'failed'}: {words}"


def failed_step(failure: Failure) -> FailedStep:
    return FailedStep(
        step_number=failure.step_number,
        action=one_line(failure.action) if failure.action else None,
        error=sanitize(_said(failure.error)).text,
        timestamp=failure.occurred_at,
        path=failure.step_path,
    )


def _said(error: ErrorRecord) -> str:
    """The message; with the class before it where it is a bare name, as a KeyError's is."""
    kind = (error.type or "").rpartition(".")[2]
    if kind and kind not in error.message and _BARE_NAME.fullmatch(error.message.strip()):
        return f"{kind}: {error.message}"
    return error.message


def suggested(offer: Offer) -> SuggestedFix:
    """A remedy as the report shows it."""
    return SuggestedFix(
        fix_id=offer.fix_id,
        type=offer.hint.type,
        description=one_line(offer.hint.description, limit=1000),
        action=offer.fix.button if isinstance(offer.fix, Change) else _button(offer.hint),
        tier=offer.hint.tier,
        auto_fix_available=offer.fix is not None and not is_by_hand(offer.fix),
        preview=offer.preview.diff if offer.preview else None,
        failed_before=offer.failed_before,
        only_by_model=offer.only_by_model,
    )


def is_by_hand(fix: Fix) -> bool:
    """Whether a person does it, and nothing is applied."""
    return isinstance(fix, Action) and fix.by_hand


#: Texts of the buttons of remedies that a person carries out.
_BUTTONS: Mapping[str, str] = {
    "connect_integration": "Connect Now",
    "create_template": "Create Template",
    "create_field": "Create Field",
    "adjust_restrictions": "Adjust Restrictions",
    "pause_workflow": "Pause Agent",
    "resume_after_quota": "Wait for Quota",
    "retry_policy": "Retry",
}
_LONGEST_BUTTON_NAME = 40


def _button(hint: FixHint) -> str:
    name = hint.parameters.get("integration")
    if hint.type == "connect_integration" and isinstance(name, str):
        return f"Connect {one_line(name)[:_LONGEST_BUTTON_NAME]} Now"
    return _BUTTONS.get(hint.type, "Show how")


#: What a step was about to do, by its action.
_DOING: Mapping[str, str] = {
    "send_email": "send an email",
    "send_mail": "send an email",
    "read_email": "read an email",
    "send_message": "send a message",
    "post_message": "post a message",
    "send_invitation": "send an invitation",
    "create_task": "create a task",
    "create_event": "create an event",
    "create_contact": "create a contact",
    "update_contact": "update a contact",
    "read_sheet": "read a sheet",
    "http_request": "call a web address",
}


@dataclass(frozen=True, slots=True)
class _Telling:
    """The knowledge base's words for one failure, filled with what is known about it."""

    failure: Failure
    diagnosis: Diagnosis
    around: Surroundings
    offers: Sequence[Offer]
    knowledge: KnowledgeBase

    @property
    def entry(self) -> Entry:
        general = self.knowledge.entries[self.diagnosis.root_cause]
        return self.knowledge.entries.get(self.diagnosis.entry or "", general)

    @property
    def explanation(self) -> str:
        """The diagnosis's own, or the entry's opening where the rules' explanation still stands."""
        own, opening = self.diagnosis.explanation, self.entry.message.opening
        is_rules = own == self._fill(self.entry.explanation)
        return self._fill(opening) if opening and is_rules else own

    def parts(self) -> MessageParts:
        wording = self.entry.message
        asked = self._asked(wording.asks)
        general = self.knowledge.entries[self.diagnosis.root_cause]
        cause = self.entry.cause or general.cause or ""
        return MessageParts(
            opening=self._opening(wording),
            explains=wording == Wording() or self._is_nameless,
            lead=wording.lead,
            options=tuple(self._options(wording)) if wording.options else (),
            question=one_line(asked.question, limit=_HEADLINE) if asked else None,
            asks=type_of(asked) if asked else None,
            cause=self._fill(cause),
            cause_of_many=notation.sentence(cause, {}),
            cause_names=tuple(self._own_names(cause)),
            guess=self._guess(),
        )

    @property
    def _is_nameless(self) -> bool:
        """Whether the entry would speak of 'a service': then the error itself says more."""
        spoken = notation.slots(self.entry.explanation)
        return "service" in spoken and "service" not in self.diagnosis.captures

    def _opening(self, wording: Wording) -> str | None:
        if wording.begins == "error" or self._is_nameless:
            return None
        return self._fill(wording.opening or self.entry.explanation)

    def _options(self, wording: Wording) -> Iterator[str]:
        """The entry's lines that apply, then every concrete fix that none of them speaks of."""
        suggested = {offer.hint.type for offer in self.offers}
        told = {fix for option in wording.options for fix in option.fixes}
        for option in wording.options:
            if not option.fixes or suggested.intersection(option.fixes):
                yield self._fill(option.says)
        for offer in self.offers:
            if isinstance(offer.fix, Change) and offer.hint.type not in told:
                yield one_line(offer.hint.description, limit=1000)

    def _asked(self, preferred: str | None) -> Change | None:
        """The change that the message asks about; an action has its button alone."""
        applicable = [offer.fix for offer in self.offers if isinstance(offer.fix, Change)]
        return next(
            (fix for fix in applicable if type_of(fix) == preferred),
            applicable[0] if applicable else None,
        )

    def _own_names(self, cause: str) -> Iterator[str]:
        """Names that *cause* shows and that vary between failures of one kind."""
        vary = {value for _, value in self.failure.entities}
        for slot in sorted(notation.slots(cause)):
            if (name := self.diagnosis.captures.get(slot)) in vary:
                yield name

    def _guess(self) -> str:
        """The engine's "Did you mean …?", where a suggested fix says which name is meant."""
        near = self.failure.error.details.get("near")
        found = GUESS.search(one_line(self.failure.error.message, limit=_LONGEST))
        if found is None or not isinstance(near, list | tuple):
            return ""
        said = " ".join(offer.hint.description for offer in self.offers if offer.fix is not None)
        return found[0] if any(str(name) in said for name in near) else ""

    def _fill(self, text: str) -> str:
        return one_line(notation.sentence(text, self._names), limit=1000)

    @property
    def _names(self) -> dict[str, str]:
        names = dict(self.diagnosis.captures)
        if doing := _DOING.get(self.failure.action or ""):
            names["doing"] = doing
        if existing := self._existing():
            names["existing"] = existing
        limit = self.knowledge.limit_named(names.get("service", ""), names.get("limit", ""))
        if limit is not None and limit.of:
            names["counted"] = limit.of
        return names

    def _existing(self) -> str | None:
        """The template that is meant to be taken instead: the fix's, or the closest one."""
        for offer in self.offers:
            name = offer.hint.parameters.get("new")
            if offer.fix is not None and isinstance(name, str):
                return name
        missing = self.diagnosis.captures.get("template")
        close = candidates(missing, available_templates(self.around.context)) if missing else ()
        return close[0] if close else None

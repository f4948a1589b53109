"""From an error to its root cause, by the rules of the knowledge base alone.

The strongest reason wins: a documented code before an exception's class, a class before an HTTP
status, a status before words; the message before the traceback, and what started a chain of
errors before the rest. Where nothing speaks, or reasons of equal weak weight contradict each
other, the answer is `unknown`, without a fix, and with what to collect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import JsonValue

from knowledge_base import KnowledgeBase, Match, Observation, notation, observe

from ... import chains
from ...types import Alternative, Diagnosis, RootCause, Verdict
from .choice import Choice, at_the_root, choose, rivals, strength, why_not
from .evidence import Quoted, gather, point, telling, verify
from .missing import to_collect
from .naming import exactly, names_for, remedies
from .verdict import judged

__all__ = ["diagnose", "telling", "verify"]


@dataclass(frozen=True, slots=True)
class _Case:
    """One error as it is read: what was seen, where it is quoted from, and what speaks."""

    seen: Observation
    quoted: Quoted
    matches: Sequence[Match]
    collect: Callable[[], tuple[str, ...]]

    def alternatives(self, choice: Choice | None) -> tuple[Alternative, ...]:
        others = choice.rivals if choice else rivals(self.matches, None)
        told = [(match, point(match, self.seen, self.quoted)) for match in others]
        return tuple(
            Alternative(
                root_cause=RootCause(match.root_cause),
                entry=match.entry,
                evidence=evidence,
                why_not=why_not(match, choice, self.seen),
            )
            for match, evidence in told
            if evidence.text
        )


def diagnose(
    *,
    message: str,
    error_type: str | None = None,
    traceback: str | None = None,
    step_action: str | None = None,
    code: str | None = None,
    details: Mapping[str, JsonValue] | None = None,
    knowledge: KnowledgeBase,
    where: str | None = None,
    occurred_at: datetime | None = None,
) -> Diagnosis:
    """Name the root cause of one error. Total on any text; reads at most 24 KB of each part.

    `code` is the stable code of our own engine: one the knowledge base knows settles the class.
    `details` are the facts beside it, above all `kind` and `name` of what the error is about.
    where: what to call the failed step when more has to be collected there, 'step 3'. Evidence
    points into the parts given here; it says nothing of the step.
    """
    seen = observe(
        message=message, error_type=error_type, traceback=traceback, step_action=step_action
    )
    link = chains.root(traceback) if traceback else None
    root = (traceback or "")[link.start : link.end] if link else ""
    case = _Case(
        seen,
        Quoted(message, error_type or "", traceback or "", code),
        at_the_root(knowledge.matches(seen), seen, root),
        partial(to_collect, message, error_type, traceback, step=where, occurred_at=occurred_at),
    )
    facts = {key: value for key, value in (details or {}).items() if isinstance(value, str)}
    own = knowledge.for_code(code, facts.get("kind") or step_action) if code else None
    choice = choose(case.matches, own, knowledge)
    if choice is None:
        return _inconclusive(case, knowledge)
    names: dict[str, str] = {}
    if own is not None:
        known = facts if own.slot is None else {**facts, own.slot: facts.get("name", "")}
        names |= exactly(known, choice.entry.slots)
    names = names_for(choice.entry, choice.reasons, seen, knowledge) | names
    verdict, grounds = judged(choice, seen)
    return Diagnosis(
        root_cause=RootCause(choice.entry.root_cause),
        verdict=verdict,
        explanation=notation.sentence(choice.entry.explanation, names),
        evidence=gather(choice.reasons, seen, case.quoted, code=choice.settled),
        entry=choice.entry.id,
        captures=names,
        retry_helps=choice.entry.retry_helps,
        fixes=remedies(choice.entry, names),
        alternatives=case.alternatives(choice),
        grounds=grounds,
        collect=() if verdict is Verdict.CONFIRMED else case.collect(),
    )


def _inconclusive(case: _Case, knowledge: KnowledgeBase) -> Diagnosis:
    entry = knowledge.entries[RootCause.UNKNOWN]
    reasons = sorted(case.matches, key=strength, reverse=True)
    return Diagnosis(
        root_cause=RootCause.UNKNOWN,
        verdict=Verdict.INCONCLUSIVE,
        explanation=notation.fill(entry.explanation, {}),
        evidence=gather(reasons, case.seen, case.quoted, code=False),
        retry_helps=entry.retry_helps,
        alternatives=case.alternatives(None),
        grounds=(
            "Several causes have equally weak signs."
            if reasons
            else "Nothing in the error tells one cause from another."
        ),
        collect=case.collect(),
    )

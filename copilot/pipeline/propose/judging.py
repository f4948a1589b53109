"""What of a model's answer stands: the rules have the last word wherever they are sure.

A model can explain better than the rules, and can name a class that they missed, if it can quote
what speaks for it. It can't be sure by itself: only the rules confirm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...redaction import mask_secrets
from ...types import Alternative, Diagnosis, Evidence, RootCause, RunRecord, Verdict
from ...types.prompt import Prompt
from ...types.proposal import Judged, Proposal, ProposedFix
from ..diagnose.evidence import MAX_EVIDENCE, telling
from ..sanitize import one_line, sanitize
from .quoting import verified
from .shown import names_in, shown

MOST_ALTERNATIVES = 3
MOST_TO_COLLECT = 5
LONGEST_DESCRIPTION = 1_000
LONGEST_TO_COLLECT = 300


@dataclass(frozen=True, slots=True)
class _Decision:
    """Whose class stands, how sure it is, and why in one sentence."""

    root_cause: RootCause
    verdict: Verdict
    grounds: str
    of_model: bool = False
    disagreement: str | None = None


def judge(proposal: Proposal, diagnosis: Diagnosis, run: RunRecord, prompt: Prompt) -> Judged:
    """*proposal* held against the rules' *diagnosis*, the *run*, and the *prompt* it answers."""
    quotes = [verified(one, prompt, run) for one in proposal.evidence]
    evidence = telling([one for one in quotes if one is not None])[:MAX_EVIDENCE]
    known = names_in([*(item.text for item in prompt.items), *prompt.restored.values()])
    decision = _decide(proposal.root_cause, diagnosis, evidence)
    explanation = shown(mask_secrets(proposal.explanation), known=known)
    if proposal.root_cause is not decision.root_cause or not explanation.strip():
        explanation = diagnosis.explanation
    return Judged(
        root_cause=decision.root_cause,
        verdict=decision.verdict,
        explanation=explanation,
        evidence=_speaking_for(decision, proposal, diagnosis, evidence),
        alternatives=_alternatives(decision, proposal, diagnosis, evidence),
        grounds=decision.grounds,
        collect=_to_collect(decision, proposal, diagnosis, known),
        fixes=tuple(_shown_fix(one, known) for one in proposal.fixes),
        disagreement=decision.disagreement,
        suspicious=proposal.suspicious,
        unread_fixes=proposal.unread_fixes,
        dropped_quotes=quotes.count(None),
        hidden_characters=_hidden(proposal),
    )


def _hidden(proposal: Proposal) -> int:
    """Characters in a model's words that nobody would see, be it by mistake or to hide something."""
    words = (proposal.explanation, *proposal.missing, *(fix.description for fix in proposal.fixes))
    return sum(sanitize(text).hidden for text in words)


def _decide(claimed: RootCause, diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> _Decision:
    own, verdict = diagnosis.root_cause, diagnosis.verdict
    if claimed is own:
        return _agreed(diagnosis, evidence)
    thinks = f"The model thinks it is {_called(claimed)}"
    if verdict is Verdict.CONFIRMED:
        return _Decision(
            own, verdict, diagnosis.grounds, disagreement=f"{thinks}; the rules are sure."
        )
    if claimed is RootCause.UNKNOWN:
        told = "The model could not tell the cause."
        return _Decision(own, verdict, diagnosis.grounds or told, disagreement=told)
    if not evidence:
        told = f"{thinks} and quotes nothing that the run says."
        return _Decision(own, verdict, diagnosis.grounds or told, disagreement=told)
    grounds = "The model says so and quotes the run; the rules see no cause of their own."
    if own is not RootCause.UNKNOWN:
        grounds = (
            f"The model says so and quotes the run; the rules would say {_called(own)} and are"
            " not sure."
        )
    return _Decision(claimed, Verdict.LIKELY, grounds, of_model=True)


def _agreed(diagnosis: Diagnosis, evidence: Sequence[Evidence]) -> _Decision:
    """The same class: it makes an open answer likely where words of the run speak for it."""
    own, verdict = diagnosis.root_cause, diagnosis.verdict
    if own is RootCause.UNKNOWN:
        return _Decision(own, verdict, diagnosis.grounds or "Neither rules nor model can tell.")
    if verdict is Verdict.INCONCLUSIVE and evidence:
        grounds = "The rules thought of it, and the model says the same and quotes the run."
        return _Decision(own, Verdict.LIKELY, grounds)
    return _Decision(own, verdict, diagnosis.grounds or "The rules and the model say the same.")


def _speaking_for(
    decision: _Decision, proposal: Proposal, diagnosis: Diagnosis, evidence: Sequence[Evidence]
) -> tuple[Evidence, ...]:
    """What speaks for the class that stands: the model's quotes only where it is the model's too."""
    if decision.of_model:
        return tuple(evidence)
    if proposal.root_cause is not decision.root_cause:
        return diagnosis.evidence
    return telling([*diagnosis.evidence, *evidence])[:MAX_EVIDENCE]


def _alternatives(
    decision: _Decision, proposal: Proposal, diagnosis: Diagnosis, evidence: Sequence[Evidence]
) -> tuple[Alternative, ...]:
    found = [*_other_answer(decision, proposal, diagnosis, evidence), *diagnosis.alternatives]
    others = {one.root_cause: one for one in reversed(found)}
    kept = (one for one in found if others[one.root_cause] is one)
    return tuple(one for one in kept if one.root_cause is not decision.root_cause)[
        :MOST_ALTERNATIVES
    ]


def _other_answer(
    decision: _Decision, proposal: Proposal, diagnosis: Diagnosis, evidence: Sequence[Evidence]
) -> Iterator[Alternative]:
    """The answer that does not stand, where something speaks for it."""
    if decision.of_model and diagnosis.root_cause is not RootCause.UNKNOWN and diagnosis.evidence:
        yield Alternative(
            root_cause=diagnosis.root_cause,
            entry=diagnosis.entry or diagnosis.root_cause,
            evidence=diagnosis.evidence[0],
            why_not="the rules are not sure of it, and the model found words that say something else",
        )
    elif evidence and RootCause.UNKNOWN is not proposal.root_cause is not decision.root_cause:
        yield Alternative(
            root_cause=proposal.root_cause,
            entry=proposal.root_cause,
            evidence=evidence[0],
            why_not="only the model says so, and the error itself settles it",
        )


def _to_collect(
    decision: _Decision, proposal: Proposal, diagnosis: Diagnosis, known: frozenset[str]
) -> tuple[str, ...]:
    if decision.verdict is Verdict.CONFIRMED:
        return ()
    asked = (
        one_line(
            shown(mask_secrets(text), limit=LONGEST_TO_COLLECT, known=known),
            limit=LONGEST_TO_COLLECT,
        )
        for text in proposal.missing
    )
    return tuple(dict.fromkeys(one for one in (*diagnosis.collect, *asked) if one))[
        :MOST_TO_COLLECT
    ]


def _shown_fix(fix: ProposedFix, known: frozenset[str]) -> ProposedFix:
    words = shown(mask_secrets(fix.description), limit=LONGEST_DESCRIPTION, known=known)
    told = one_line(words, limit=LONGEST_DESCRIPTION)
    return replace(fix, description=told or (fix.fix.button if fix.fix else ""))


def _called(root_cause: RootCause) -> str:
    return "an unknown cause" if root_cause is RootCause.UNKNOWN else root_cause.replace("_", " ")

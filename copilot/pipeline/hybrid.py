"""One report out of what the rules have found and what a model has made of it."""

from collections.abc import Iterable, Iterator, Sequence

from ..fixes import Change, Fix
from ..ports import DefinitionChecker
from ..types import Report
from ..types.consultation import ModelUse
from ..types.message import MessageParts
from ..types.proposal import Judged
from .learned import as_learned, ordered, shown
from .offers import offer
from .report import Offer, Surroundings, is_by_hand, suggested

MOST_FIXES = 8


def offers_of_both(
    judged: Judged,
    rules: Sequence[Offer],
    around: Surroundings,
    *,
    checker: DefinitionChecker | None,
) -> tuple[Offer, ...]:
    """Fixes of both, best first: what both propose, then what can be applied, then words.

    A model's fix is checked exactly as one of the rules is; one that does not pass is left out as a
    fix and stays as words.
    """
    cause = judged.root_cause
    lessons = around.lessons
    model = [
        as_learned(offer(one.fix, one.hint, around, checker, cause=cause), lessons)
        for one in judged.fixes
    ]
    agreed = _keys(model) & _keys(rules)
    ranked = sorted([*model, *rules], key=lambda one: _rank(one, agreed))
    distinct = shown(tuple(_distinct(ranked)), lessons)
    return ordered(distinct, lessons, cause, judged.verdict)[:MOST_FIXES]


def blended(report: Report, judged: Judged, offers: Sequence[Offer], use: ModelUse) -> Report:
    """*report* of the rules in the model's words, with *offers* in the place of its fixes."""
    fixes = tuple(suggested(one) for one in offers)
    same = judged.root_cause is report.root_cause
    own = report.evidence if same else ()
    return report.model_copy(
        update={
            "explanation": judged.explanation,
            "root_cause": judged.root_cause,
            "verdict": judged.verdict,
            "evidence": tuple(dict.fromkeys((*judged.evidence, *own))),
            "alternatives": judged.alternatives,
            "grounds": judged.grounds,
            "collect": judged.collect,
            "suggested_fixes": fixes,
            "can_auto_fix": any(fix.auto_fix_available for fix in fixes),
            "parts": _parts(report.parts if same else MessageParts(), offers),
            "produced_by": use.runtime,
            "model": use,
        }
    )


def _parts(rules: MessageParts, offers: Sequence[Offer]) -> MessageParts:
    """The message tells the model's explanation; what asks for a fix asks for the first one."""
    first = next((one for one in offers if isinstance(one.fix, Change)), None)
    return rules.model_copy(
        update={
            "opening": None,
            "explains": True,
            "options": (),
            "question": first.fix.question if first and first.fix else None,
            "asks": first.hint.type if first else None,
        }
    )


def _rank(one: Offer, agreed: frozenset[str]) -> int:
    if one.fix is None or is_by_hand(one.fix):
        return 2
    return 0 if _key(one.fix) in agreed else 1


def _keys(offers: Iterable[Offer]) -> frozenset[str]:
    return frozenset(_key(one.fix) for one in offers if one.fix is not None)


def _key(fix: Fix) -> str:
    return fix.model_dump_json()


def _distinct(offers: Iterable[Offer]) -> Iterator[Offer]:
    """Each fix once, and no words for a type that is there as a fix."""
    seen, types = set[str](), set[str]()
    for one in offers:
        key = one.hint.description.casefold() if one.fix is None else _key(one.fix)
        told = one.fix is None and one.hint.type in types and one.hint.type != "manual"
        if key not in seen and not told:
            yield one
        seen.add(key)
        if one.fix is not None:
            types.add(one.hint.type)
